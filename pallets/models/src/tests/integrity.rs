use super::*;
use assay_engine::limits::REGION_LEN;

fn integrity_test() {
    ExtBuilder
        .build()
        .execute_with(<Models as Hooks<u64>>::integrity_test);
}

#[test]
fn integrity_test_passes_for_the_mock() {
    integrity_test();
}

#[test]
#[should_panic = "BaseDeposit is zero"]
fn integrity_test_rejects_free_records() {
    BaseDeposit::set(0);
    integrity_test();
}

#[test]
#[should_panic = "ByteDeposit is zero"]
fn integrity_test_rejects_free_state() {
    ByteDeposit::set(0);
    integrity_test();
}

#[test]
#[should_panic = "UploadTimeout is zero"]
fn integrity_test_rejects_uploads_that_time_out_at_once() {
    UploadTimeout::set(0);
    integrity_test();
}

#[test]
#[should_panic = "MaxVersions is zero"]
fn integrity_test_rejects_models_without_versions() {
    MaxVersions::set(0);
    integrity_test();
}

#[test]
#[should_panic = "MaxSteps is zero or above"]
fn integrity_test_rejects_versions_without_steps() {
    MaxSteps::set(0);
    integrity_test();
}

#[test]
#[should_panic = "MaxSteps is zero or above"]
fn integrity_test_rejects_more_steps_than_the_engine_traces() {
    MaxSteps::set(assay_engine::limits::MAX_STEPS + 1);
    integrity_test();
}

#[test]
#[should_panic = "MaxParamsLen is zero"]
fn integrity_test_rejects_params_without_bytes() {
    MaxParamsLen::set(0);
    integrity_test();
}

#[test]
#[should_panic = "MaxParamsLen is above"]
fn integrity_test_rejects_params_beyond_the_region() {
    MaxParamsLen::set(REGION_LEN + 1);
    integrity_test();
}

#[test]
#[should_panic = "remove_params needs"]
fn integrity_test_rejects_params_whose_removal_exceeds_a_quarter_of_a_block() {
    MaxParamsLen::set(REGION_LEN);
    integrity_test();
}

#[test]
#[should_panic = "the longest call does not fit"]
fn integrity_test_rejects_blocks_too_short_for_a_segment() {
    NormalLength::set(200 * 1024);
    integrity_test();
}
