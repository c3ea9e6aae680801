//! Tests of the runtime as it is configured.

mod economics;

use crate::{constants::*, presets, AccountId, Balance, BlockNumber, Runtime, RuntimeCall};
use frame_support::{
    traits::{Get, InstanceFilter, Randomness},
    weights::{Weight, WeightToFee},
};
use sp_runtime::BuildStorage;

#[test]
fn every_preset_builds_a_state() {
    for name in presets::names() {
        let storage = presets::genesis_config(&name).unwrap().build_storage().unwrap();
        sp_io::TestExternalities::new(storage).execute_with(|| {
            let jobs = pallet_jobs::Parameters::<Runtime>::get();
            assert!(jobs.challenge_window > 0 && jobs.min_exposure >= UNIT);
        });
    }
    assert_eq!(presets::get(&"unknown".into()), None);
}

#[test]
fn token_pays_for_a_second_of_compute_or_for_its_share_of_proof() {
    use crate::configs::ComputeOrProof;
    let second = Weight::from_parts(1_000_000_000_000, 0);
    assert_eq!(ComputeOrProof::weight_to_fee(&second), UNIT);
    let half_the_proof = Weight::from_parts(0, MAXIMUM_BLOCK_WEIGHT.proof_size() / 2);
    assert_eq!(ComputeOrProof::weight_to_fee(&half_the_proof), UNIT);
    let both = second.saturating_add(half_the_proof);
    assert_eq!(ComputeOrProof::weight_to_fee(&both), UNIT);
}

#[test]
fn stake_unbonds_after_the_longest_job() {
    let unbonding: BlockNumber = <Runtime as pallet_providers::Config>::UnbondingPeriod::get();
    let longest: BlockNumber = <Runtime as pallet_jobs::Config>::MaxJobDuration::get();
    assert!(unbonding > longest);
}

#[test]
fn randomness_differs_by_subject_and_by_parent() {
    use crate::configs::ChainRandomness;
    let storage = frame_system::GenesisConfig::<Runtime>::default()
        .build_storage()
        .unwrap();
    sp_io::TestExternalities::new(storage).execute_with(|| {
        let draw = |subject: &[u8]| ChainRandomness::random(subject).0;
        assert_ne!(draw(b"a"), draw(b"b"));
        let before = draw(b"a");
        crate::System::initialize(&1, &crate::Hash::repeat_byte(7), &Default::default());
        assert_ne!(before, draw(b"a"));
    });
}

#[test]
fn proxies_of_a_kind_do_what_its_name_says() {
    use crate::configs::ProxyType;
    let transfer = RuntimeCall::Balances(pallet_balances::Call::transfer_all {
        dest: AccountId::new([1; 32]).into(),
        keep_alive: false,
    });
    let unbond = RuntimeCall::Providers(pallet_providers::Call::unbond { amount: 1 as Balance });
    let pause = RuntimeCall::Providers(pallet_providers::Call::pause {});
    let cancel = RuntimeCall::Jobs(pallet_jobs::Call::cancel { job: 1 });
    let deprecate = RuntimeCall::Models(pallet_models::Call::deprecate_version { version: 1 });
    let give_away = RuntimeCall::Models(pallet_models::Call::transfer_model {
        model: 1,
        new_owner: AccountId::new([1; 32]).into(),
    });
    let bond = RuntimeCall::Models(pallet_models::Call::ask_chunk { version: 1, chunk: 0 });
    let allowed = |kind: ProxyType| {
        [&transfer, &unbond, &cancel, &give_away, &bond, &pause, &deprecate].map(|call| kind.filter(call))
    };
    let only = |pause, deprecate| [false, false, false, false, false, pause, deprecate];
    assert_eq!(allowed(ProxyType::Any), [true; 7]);
    assert_eq!(allowed(ProxyType::NonTransfer), only(true, true));
    assert_eq!(allowed(ProxyType::Models), only(false, true));
    assert_eq!(allowed(ProxyType::ProviderOperation), only(true, false));
    // A proxy of the root key would be root.
    let as_root = RuntimeCall::Sudo(pallet_sudo::Call::sudo {
        call: Box::new(transfer.clone()),
    });
    assert!(!ProxyType::NonTransfer.filter(&as_root));
}

#[test]
fn jobs_are_assigned_once_the_relay_chains_state_is_known() {
    use crate::{configs::ChainRandomness, AllPalletsWithSystem, Jobs};
    use cumulus_pallet_parachain_system::ValidationData;
    use frame_support::{
        traits::{OnInitialize, OnPoll},
        weights::WeightMeter,
    };
    let seed_of_agenda = |relay_root: u8| {
        let preset = presets::genesis_config(&presets::DEVELOPMENT.into()).unwrap();
        sp_io::TestExternalities::new(preset.build_storage().unwrap()).execute_with(|| {
            crate::System::initialize(&1, &crate::Hash::repeat_byte(7), &Default::default());
            AllPalletsWithSystem::on_initialize(1);
            assert_eq!(pallet_jobs::NextDue::<Runtime>::get(), None);
            // As the inherent does.
            ValidationData::<Runtime>::put(cumulus_primitives_core::PersistedValidationData {
                relay_parent_storage_root: crate::Hash::repeat_byte(relay_root),
                ..Default::default()
            });
            Jobs::on_poll(1, &mut WeightMeter::new());
            assert_eq!(pallet_jobs::NextDue::<Runtime>::get(), Some(2));
            ChainRandomness::random(b"a").0
        })
    };
    assert_ne!(seed_of_agenda(1), seed_of_agenda(2));
}

#[test]
fn blob_validates_blocks_for_the_relay_chain() {
    use wasmparser::{Parser, Payload};
    let code = crate::WASM_BINARY_BLOATY.expect("the runtime's code is built");
    let exports = Parser::new(0)
        .parse_all(code)
        .find_map(|part| match part.unwrap() {
            Payload::ExportSection(exports) => Some(exports),
            _ => None,
        });
    let mut names = exports.unwrap().into_iter().map(|export| export.unwrap().name);
    assert!(names.any(|name| name == "validate_block"));
}
