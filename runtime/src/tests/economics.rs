//! The inequalities of `docs/economics.md`.

use crate::{constants::*, presets, Balance, Runtime, RuntimeCall, TransactionPayment};
use assay_engine::{fraud::FraudProof, trace::NodeId, witness::StepWitness, State, Status};
use assay_primitives::ClaimId;
use codec::Encode;
use frame_support::{dispatch::GetDispatchInfo, traits::Get};
use pallet_disputes::Call;
use pallet_jobs::ParametersOf;
use sp_core::H256;
use sp_runtime::{BuildStorage, Perbill};

const CLAIM: ClaimId = ClaimId { job: 1, attempt: 0 };
/// Bytes of a transaction beside its call.
const ENVELOPE: usize = 150;

/// Runs `check` on the rules of each preset.
fn by_each_preset(check: impl Fn(ParametersOf<Runtime>)) {
    for name in presets::names() {
        let storage = presets::genesis_config(&name).unwrap().build_storage().unwrap();
        sp_io::TestExternalities::new(storage)
            .execute_with(|| check(pallet_jobs::Parameters::<Runtime>::get()));
    }
}

fn fee(call: Call<Runtime>) -> Balance {
    let call = RuntimeCall::from(call);
    let len = u32::try_from(call.encoded_size() + ENVELOPE).unwrap();
    TransactionPayment::compute_fee(len, &call.get_dispatch_info(), 0)
}

/// What a false claim costs the provider of a job that pays at most `payment`.
fn loss(rules: &ParametersOf<Runtime>, payment: Balance) -> Balance {
    rules.disproof_penalty.mul_floor(rules.exposure(payment))
}

#[test]
fn lie_costs_ten_times_what_it_pays() {
    by_each_preset(|rules| {
        for payment in [0, MILLIUNIT, UNIT, 1_000 * UNIT] {
            assert!(loss(&rules, payment) >= 10 * payment);
            assert!(loss(&rules, payment) >= UNIT / 2);
        }
    });
}

#[test]
fn who_slashes_itself_loses_half() {
    by_each_preset(|rules| {
        let back = rules.challenger_share + rules.compensation_share;
        assert!(back <= Perbill::from_percent(50));
    });
}

#[test]
fn silence_costs_something_and_less_than_a_lie() {
    by_each_preset(|rules| {
        let silence = rules.silence_penalty.mul_floor(rules.exposure(0));
        assert!(silence > 0 && silence < loss(&rules, 0));
    });
}

#[test]
fn lost_bond_pays_for_the_reveals() {
    by_each_preset(|rules| {
        let dispute = rules.dispute;
        let forfeited = dispute.bond - dispute.burn_share.mul_ceil(dispute.bond);
        let reveal = Call::reveal {
            claim: CLAIM,
            node: NodeId::root(1 << 20),
            hashes: vec![H256::zero(); 1024].try_into().unwrap(),
        };
        assert!(forfeited >= 3 * fee(reveal));
    });
}

#[test]
fn least_reward_pays_for_a_dispute() {
    by_each_preset(|rules| {
        let reward = rules.challenger_share.mul_floor(loss(&rules, 0));
        let ask = Call::ask {
            claim: CLAIM,
            node: NodeId::root(1 << 20),
            hash: H256::zero(),
            path: vec![H256::zero(); 20].try_into().unwrap(),
        };
        assert!(reward >= fee(Call::challenge { claim: CLAIM }) + 3 * fee(ask));
    });
}

#[test]
fn proof_that_proves_nothing_is_paid_for() {
    by_each_preset(|_| {
        let state = State {
            pc: 0,
            status: Status::Running,
            params_len: 0,
            input_len: 0,
            memory_root: [0; 32],
        };
        let proof = FraudProof {
            step: 0,
            witness: StepWitness {
                state,
                memory: Default::default(),
            },
            before: vec![],
            leaf_after: [0; 32],
            after: vec![],
        };
        let call = Call::prove_fraud { claim: CLAIM, proof };
        // A third of a second of compute, before it is known how much of it the step takes.
        assert!(fee(call) >= UNIT / 4);
    });
}

#[test]
fn part_of_external_params_is_shown_in_less_than_a_dispute_takes() {
    by_each_preset(|rules| {
        let time = <Runtime as pallet_models::Config>::ChunkTime::get();
        assert!(time > 0 && time <= rules.dispute.longest());
        let bond: Balance = <Runtime as pallet_models::Config>::ChunkBond::get();
        assert!(bond > 0);
    });
}
