use crate::mock::*;

/// The configuration of the tests passes: only what a test changes makes it panic.
#[test]
fn integrity_test_passes_as_configured() {
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "UnbondingPeriod is not longer")]
fn integrity_test_fails_where_stake_unbonds_as_fast_as_a_job_ends() {
    UnbondingPeriod::set(LongestJob::get());
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MinBond or OfferDeposit")]
fn integrity_test_fails_with_a_bond_below_the_existential_deposit() {
    MinBond::set(ED - 1);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MinBond or OfferDeposit")]
fn integrity_test_fails_with_a_deposit_below_the_existential_deposit() {
    OfferDeposit::set(ED - 1);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MaxUnbonding is zero")]
fn integrity_test_fails_where_no_stake_can_leave() {
    MaxUnbonding::set(0);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MaxOffersPerVersion is zero")]
fn integrity_test_fails_where_versions_take_no_offers() {
    MaxOffersPerVersion::set(0);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MaxOffersPerProvider is zero")]
fn integrity_test_fails_where_providers_make_no_offers() {
    MaxOffersPerProvider::set(0);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "MaxStrikes is zero")]
fn integrity_test_fails_without_strikes() {
    MaxStrikes::set(0);
    Providers::do_integrity_test();
}

#[test]
#[should_panic(expected = "assign needs")]
fn integrity_test_fails_where_a_choice_among_all_offers_does_not_fit_the_block() {
    MaxOffersPerVersion::set(1_000_000);
    Providers::do_integrity_test();
}
