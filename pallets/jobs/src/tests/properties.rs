//! Random sequences of everything that anybody can do, with every invariant checked in every block.

use super::{
    disputes,
    owners::{self, owner_act, OwnerAct, OWNERS},
};
use crate::{
    mock::{Jobs, *},
    *,
};
use assay_engine::search::Finding;
use assay_primitives::{ClaimId, Claims, Price, VersionId};
use frame_support::{
    assert_ok,
    traits::fungible::{Inspect, InspectHold},
};
use pallet_disputes::Challenges;
use proptest::prelude::*;
use sp_core::Pair;
use std::collections::BTreeMap;

/// Something that somebody does.
#[derive(Clone, Debug)]
enum Act {
    Request {
        who: usize,
        mode: u8,
        max_price: Price<Balance>,
        named: Option<usize>,
    },
    Cancel {
        who: usize,
        job: u64,
    },
    Claim {
        job: u64,
        honest: bool,
        sender: Option<usize>,
    },
    ForeignClaim {
        job: u64,
        author: usize,
    },
    Decline {
        job: u64,
    },
    AskChunk {
        chunk: u32,
    },
    ShowChunks,
    Advance {
        job: u64,
    },
    Challenge {
        who: usize,
        job: u64,
    },
    Ask {
        who: usize,
        job: u64,
    },
    Reveal {
        job: u64,
    },
    Prove {
        who: usize,
        job: u64,
    },
    Settle {
        who: usize,
        job: u64,
        attempt: u8,
    },
    Pause {
        provider: usize,
    },
    Resume {
        provider: usize,
    },
    Register {
        provider: usize,
    },
    SetWorker {
        provider: usize,
        second: bool,
    },
    SetOffer {
        provider: usize,
        version: VersionId,
        price: Price<Balance>,
        capacity: u16,
    },
    RemoveOffer {
        provider: usize,
        version: VersionId,
    },
    RemoveStaleOffer {
        provider: usize,
        version: VersionId,
    },
    Unbond {
        provider: usize,
        amount: Balance,
    },
    BondMore {
        provider: usize,
        amount: Balance,
    },
    Withdraw {
        provider: usize,
    },
    Deregister {
        provider: usize,
    },
    Deprecate,
    Owner {
        who: usize,
        act: OwnerAct,
    },
    SetParameters {
        claim_deadline: u64,
        protocol_percent: u32,
        attempts: u8,
    },
    Budget {
        jobs: u32,
    },
    Blocks {
        blocks: u64,
    },
}

const REQUESTERS: [AccountId; 3] = [ALICE, BOB, PAUL];
const PROVIDERS: [AccountId; 3] = [PAUL, PETE, PIA];
const CHALLENGERS: [AccountId; 4] = [CAROL, BOB, PETE, NOBODY];

fn act() -> impl Strategy<Value = Act> {
    let job = 0..8u64;
    let who = 0..3usize;
    let challenger = 0..4usize;
    let version = prop_oneof![3 => Just(VERSION), 1 => 1..4u32];
    let amount = prop_oneof![0..10_000u128, 900_000..1_100_000u128];
    let price = |per_job: std::ops::Range<u128>| {
        (per_job, 0..30u128).prop_map(|(per_job, per_step)| Price { per_job, per_step })
    };
    let asked = price(0..2_000);
    let paid = prop_oneof![3 => price(500..4_000), 1 => price(0..200)];
    prop_oneof![
        10 => (who.clone(), 0..5u8, paid, prop::option::weighted(0.3, 0..4usize))
            .prop_map(|(who, mode, max_price, named)| Act::Request { who, mode, max_price, named }),
        2 => (who.clone(), job.clone()).prop_map(|(who, job)| Act::Cancel { who, job }),
        14 => (job.clone(), prop::bool::weighted(0.8), prop::option::of(who.clone()))
            .prop_map(|(job, honest, sender)| Act::Claim { job, honest, sender }),
        1 => (job.clone(), who.clone()).prop_map(|(job, author)| Act::ForeignClaim { job, author }),
        2 => job.clone().prop_map(|job| Act::Decline { job }),
        1 => (0..4u32).prop_map(|chunk| Act::AskChunk { chunk }),
        1 => Just(Act::ShowChunks),
        2 => job.clone().prop_map(|job| Act::Advance { job }),
        6 => (challenger.clone(), job.clone()).prop_map(|(who, job)| Act::Challenge { who, job }),
        4 => (challenger.clone(), job.clone()).prop_map(|(who, job)| Act::Ask { who, job }),
        3 => job.clone().prop_map(|job| Act::Reveal { job }),
        4 => (challenger.clone(), job.clone()).prop_map(|(who, job)| Act::Prove { who, job }),
        1 => (challenger, job, 0..3u8).prop_map(|(who, job, attempt)| Act::Settle { who, job, attempt }),
        1 => who.clone().prop_map(|provider| Act::Pause { provider }),
        2 => who.clone().prop_map(|provider| Act::Resume { provider }),
        1 => who.clone().prop_map(|provider| Act::Register { provider }),
        1 => (who.clone(), any::<bool>()).prop_map(|(provider, second)| Act::SetWorker { provider, second }),
        3 => (who.clone(), version.clone(), asked, 0..5u16)
            .prop_map(|(provider, version, price, capacity)| Act::SetOffer { provider, version, price, capacity }),
        1 => (who.clone(), version.clone()).prop_map(|(provider, version)| Act::RemoveOffer { provider, version }),
        1 => (who.clone(), version).prop_map(|(provider, version)| Act::RemoveStaleOffer { provider, version }),
        6 => (who.clone(), owner_act()).prop_map(|(who, act)| Act::Owner { who, act }),
        1 => (who.clone(), amount.clone()).prop_map(|(provider, amount)| Act::Unbond { provider, amount }),
        1 => (who.clone(), amount).prop_map(|(provider, amount)| Act::BondMore { provider, amount }),
        1 => who.clone().prop_map(|provider| Act::Withdraw { provider }),
        1 => who.prop_map(|provider| Act::Deregister { provider }),
        1 => prop::bool::weighted(0.1).prop_map(|yes| if yes { Act::Deprecate } else { Act::Blocks { blocks: 1 } }),
        1 => (0..9u64, 0..60u32, 0..5u8).prop_map(|(claim_deadline, protocol_percent, attempts)| {
            Act::SetParameters { claim_deadline, protocol_percent, attempts }
        }),
        1 => (1..4u32).prop_map(|jobs| Act::Budget { jobs }),
        14 => (1..6u64).prop_map(|blocks| Act::Blocks { blocks }),
    ]
}

/// What the events say of the money.
#[derive(Default)]
struct Ledger {
    /// The fee of each job.
    escrowed: BTreeMap<u64, Balance>,
    /// Where the escrow of each ended job went.
    settled: BTreeMap<u64, Settlement<Balance>>,
    /// Burnt of stakes and escrows.
    burnt: Balance,
}

impl Ledger {
    fn read(&mut self) {
        for record in System::read_events_no_consensus() {
            match record.event {
                RuntimeEvent::Jobs(event) => self.note(event),
                RuntimeEvent::Balances(pallet_balances::Event::BurnedHeld { amount, .. }) => {
                    self.burnt += amount
                }
                _ => {}
            }
        }
        System::reset_events();
    }

    fn note(&mut self, event: Event<Test>) {
        match event {
            Event::Requested { job, max_fee, .. } => {
                assert_eq!(
                    self.escrowed.insert(job, max_fee),
                    None,
                    "a job is requested once"
                );
            }
            // Who reads the events of several blocks may find the job ended.
            Event::Assigned { job, price, .. } => {
                if let Some(job) = crate::Jobs::<Test>::get(job) {
                    assert!(price.is_within(&job.max_price));
                }
            }
            Event::Finalized { job, settlement, .. } => self.settle(job, settlement),
            Event::Expired { job, settlement } | Event::Cancelled { job, settlement } => {
                assert_eq!(
                    settlement.refunded, self.escrowed[&job],
                    "who got no answer pays nothing"
                );
                self.settle(job, settlement)
            }
            _ => {}
        }
    }

    fn settle(&mut self, job: u64, settlement: Settlement<Balance>) {
        let Settlement {
            provider,
            royalty,
            protocol,
            burnt,
            refunded,
        } = settlement;
        let out = provider + royalty + protocol + burnt + refunded;
        assert_eq!(out, self.escrowed[&job], "in = paid + refunded + burnt");
        assert_eq!(self.settled.insert(job, settlement), None, "a job ends once");
    }

    fn check(&self, issued: Balance) {
        let open = crate::Jobs::<Test>::iter()
            .map(|(id, job)| (id, job.max_fee))
            .collect::<BTreeMap<_, _>>();
        for (job, fee) in &self.escrowed {
            assert_ne!(
                open.contains_key(job),
                self.settled.contains_key(job),
                "a job is open or ended"
            );
            if let Some(settlement) = self.settled.get(job) {
                assert_eq!(receipt(*job).paid, fee - settlement.refunded);
            }
        }
        assert!(open.iter().all(|(job, fee)| self.escrowed.get(job) == Some(fee)));
        assert_eq!(
            Balances::total_issuance() + self.burnt,
            issued,
            "nothing is lost but what is burnt"
        );
        // A reward may be what makes an account.
        let accounts = EVERYBODY.iter().chain([&NOBODY]);
        let everything = accounts.map(Balances::total_balance).sum::<Balance>();
        assert_eq!(Balances::total_issuance(), everything);
    }
}

fn perform(act: Act) {
    // Refusals are part of the game; the state must hold either way.
    match act {
        Act::Request {
            who,
            mode,
            max_price,
            named,
        } => {
            let provider = named.map(|named| PROVIDERS.get(named).cloned().unwrap_or(NOBODY));
            let call = Call::request {
                version: VERSION,
                input: input(mode, 7),
                max_price,
                provider,
            };
            let _ = dispatch(&REQUESTERS[who], call);
        }
        Act::Cancel { who, job } => {
            let _ = dispatch(&REQUESTERS[who], Call::cancel { job });
        }
        Act::Claim { job, honest, sender } => {
            let Some(JobState::Assigned {
                provider, deadline, ..
            }) = crate::Jobs::<Test>::get(job).map(|job| job.state)
            else {
                return;
            };
            let right = right_claim(job);
            let answers = matches!(right.end.status, assay_engine::Status::Halted { .. });
            let claim = if honest || !answers {
                right
            } else {
                false_claim(job)
            };
            let signature = signed_by(&provider, job, &claim);
            let in_time = System::block_number() <= deadline;
            let done = match sender {
                Some(who) => submit_signed(&REQUESTERS[who], job, claim, signature).is_ok(),
                None => submit_unsigned(job, claim, signature).is_ok_and(|(_, result)| {
                    assert_eq!(result, Ok(()), "what the pool takes succeeds");
                    true
                }),
            };
            assert_eq!(
                done, in_time,
                "a well formed claim succeeds exactly if it is in time"
            );
        }
        Act::ForeignClaim { job, author } => {
            if Inputs::<Test>::contains_key(job) {
                let author = &PROVIDERS[author];
                let claim = claim_by(author, job);
                let signature = signed_by(author, job, &claim);
                let mine = matches!(state(job), JobState::Assigned { provider, .. } if provider == *author);
                assert!(mine || submit_unsigned(job, claim, signature).is_err());
            }
        }
        Act::Decline { job } => {
            let Some(JobState::Assigned {
                provider, deadline, ..
            }) = crate::Jobs::<Test>::get(job).map(|job| job.state)
            else {
                return;
            };
            let signature = worker(&provider).sign(&Jobs::decline_payload(job));
            let done = dispatch(&CAROL, Call::decline { job, signature });
            let may = is_external() && System::block_number() <= deadline;
            assert_eq!(
                done.is_ok(),
                may,
                "who cannot have the params may decline in time: {done:?}"
            );
        }
        Act::AskChunk { chunk } if is_external() => {
            let requests = pallet_models::ChunkRequests::<Test>::get(VERSION);
            if requests.iter().all(|request| request.chunk != chunk) {
                ask_chunk(chunk);
            }
        }
        Act::AskChunk { .. } => {}
        Act::ShowChunks => show_chunks(),
        Act::Advance { job } => {
            let _ = dispatch(&CAROL, Call::advance { job });
        }
        Act::Challenge { who, job } => {
            let _ = disputes::challenge(&CHALLENGERS[who], job);
        }
        Act::Ask { who, job } if is_claimed(job) => {
            let _ = disputes::ask(&CHALLENGERS[who], job);
        }
        Act::Reveal { job } if is_claimed(job) => {
            let _ = disputes::reveal(job);
        }
        Act::Prove { who, job } if is_claimed(job) => {
            let open = Jobs::disputed(claim_id(job)).is_some();
            let false_step = matches!(disputes::look(job), Finding::FalseStep { .. });
            assert!(
                !false_step || !claimed_tree(job).1,
                "a right trace has no false step"
            );
            let lies = !claimed_tree(job).1;
            let done = disputes::prove(&CHALLENGERS[who], job);
            assert_eq!(
                done.is_ok(),
                open && lies,
                "a proof wins exactly against a false claim: {done:?}"
            );
        }
        Act::Ask { .. } | Act::Reveal { .. } | Act::Prove { .. } => {}
        Act::Settle { who, job, attempt } => {
            let _ = disputes::settle(&CHALLENGERS[who], ClaimId { job, attempt });
        }
        Act::Pause { provider } => provide_call(provider, pallet_providers::Call::pause {}),
        Act::Resume { provider } => provide_call(provider, pallet_providers::Call::resume {}),
        Act::Register { provider } => {
            let key = worker(&PROVIDERS[provider]);
            let call = pallet_providers::Call::register {
                worker: key.public(),
                bond: BOND,
                proof: worker_proof(&PROVIDERS[provider], &key),
            };
            provide_call(provider, call)
        }
        Act::SetWorker { provider, second } => {
            let key = worker_key(&PROVIDERS[provider], second);
            let call = pallet_providers::Call::set_worker {
                worker: key.public(),
                proof: worker_proof(&PROVIDERS[provider], &key),
            };
            provide_call(provider, call)
        }
        Act::SetOffer {
            provider,
            version,
            price,
            capacity,
        } => {
            let call = pallet_providers::Call::set_offer {
                version,
                price,
                capacity,
            };
            provide_call(provider, call)
        }
        Act::RemoveOffer { provider, version } => {
            provide_call(provider, pallet_providers::Call::remove_offer { version })
        }
        Act::RemoveStaleOffer { provider, version } => {
            let provider = PROVIDERS[provider].clone();
            let call = pallet_providers::Call::remove_stale_offer { version, provider };
            let _ = dispatch(&CAROL, call);
        }
        Act::Owner { who, act } => owners::perform(&OWNERS[who], act),
        Act::Unbond { provider, amount } => provide_call(provider, pallet_providers::Call::unbond { amount }),
        Act::BondMore { provider, amount } => {
            provide_call(provider, pallet_providers::Call::bond_more { amount })
        }
        Act::Withdraw { provider } => provide_call(provider, pallet_providers::Call::withdraw {}),
        Act::Deregister { provider } => provide_call(provider, pallet_providers::Call::deregister {}),
        Act::Deprecate => {
            let _ = dispatch(
                &OWNER,
                pallet_models::Call::deprecate_version { version: VERSION },
            );
        }
        Act::SetParameters {
            claim_deadline,
            protocol_percent,
            attempts,
        } => {
            let protocol_share = sp_runtime::Perbill::from_percent(protocol_percent);
            let parameters = JobParameters {
                claim_deadline,
                protocol_share,
                max_attempts: attempts,
                ..rules()
            };
            let _ = Jobs::set_parameters(RuntimeOrigin::root(), parameters);
        }
        Act::Budget { jobs } => MaxDuePerBlock::set(jobs),
        Act::Blocks { .. } => {}
    }
}

fn is_external() -> bool {
    pallet_models::Versions::<Test>::get(VERSION).is_some_and(|version| version.params.is_none())
}

fn is_claimed(job: u64) -> bool {
    let job = crate::Jobs::<Test>::get(job);
    job.is_some_and(|job| matches!(job.state, JobState::Claimed { .. }))
}

fn provide_call(provider: usize, call: pallet_providers::Call<Test>) {
    let _ = dispatch(&PROVIDERS[provider], call);
}

fn check_money(ledger: &mut Ledger, issued: Balance) {
    ledger.read();
    ledger.check(issued);
}

proptest! {
    #![proptest_config(ProptestConfig {
        // `PROPTEST_CASES` sets the number of sequences.
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_calls_keeps_the_invariants(
        acts in prop::collection::vec(act(), 1..60),
        seed in any::<u64>(),
        protocol_exists in any::<bool>(),
        external in any::<bool>(),
    ) {
        let builder = ExtBuilder::default().providers(&PROVIDERS);
        let builder = if protocol_exists { builder } else { builder.without_account(PROTOCOL) };
        builder.build().execute_with(|| {
            RandomSeed::set(seed);
            if external {
                make_external();
            }
            let issued = Balances::total_issuance();
            let mut ledger = Ledger::default();
            for act in acts {
                let blocks = if let Act::Blocks { blocks } = act { blocks } else { 0 };
                perform(act);
                check_money(&mut ledger, issued);
                check_jobs();
                for _ in 0..blocks {
                    run_blocks(1);
                    check_money(&mut ledger, issued);
                    check_state();
                }
            }
            finish(&mut ledger, issued);
        });
    }
}

/// Whatever went before: every dispute and every job ends by itself, and leaves its receipt alone.
fn finish(ledger: &mut Ledger, issued: Balance) {
    MaxDuePerBlock::set(16);
    for _ in 0..160 {
        if Agenda::<Test>::iter().next().is_none() && Challenges::<Test>::iter().next().is_none() {
            break;
        }
        run_blocks(1);
        check_money(ledger, issued);
        check_jobs();
    }
    check_state();
    assert_eq!(crate::Jobs::<Test>::iter().count(), 0);
    assert_eq!(Inputs::<Test>::iter().count(), 0);
    assert_eq!(Outputs::<Test>::iter().count(), 0);
    assert_eq!(AssignedTo::<Test>::iter().count(), 0);
    assert_eq!(Agenda::<Test>::iter().count(), 0);
    assert_eq!(Receipts::<Test>::iter().count() as u64, NextJobId::<Test>::get());
    assert_eq!(Challenges::<Test>::iter().count(), 0);
    assert_eq!(pallet_disputes::Reveals::<Test>::iter().count(), 0);
    assert_eq!(pallet_disputes::Agenda::<Test>::iter().count(), 0);
    for provider in PROVIDERS {
        assert_eq!(exposed(&provider), 0);
        leave(&provider);
    }
    check_money(ledger, issued);
    check_state();
}

/// With nothing open a provider can go, with all of its stake.
fn leave(provider: &AccountId) {
    use pallet_providers::{Call, OffersOf, Providers};
    let call = |call: Call<Test>| dispatch(provider, call);
    for version in OffersOf::<Test>::get(provider) {
        assert_ok!(call(Call::remove_offer { version }));
    }
    let later = || System::set_block_number(System::block_number() + UNBONDING + 1);
    later();
    let _ = call(Call::withdraw {});
    if let Some(record) = Providers::<Test>::get(provider) {
        if record.bonded == 0 {
            assert_ok!(call(Call::deregister {}));
        } else {
            assert_ok!(call(Call::unbond {
                amount: record.bonded
            }));
            later();
            assert_ok!(call(Call::withdraw {}));
        }
    }
    assert!(!Providers::<Test>::contains_key(provider));
    for reason in [
        pallet_providers::HoldReason::Bond,
        pallet_providers::HoldReason::Offer,
    ] {
        assert_eq!(Balances::balance_on_hold(&reason.into(), provider), 0);
    }
}
