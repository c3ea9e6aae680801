//! A small model of the clocks, whole: two challengers and a provider, every order of their moves over a few blocks, with
//! an agenda that may be behind in any of them. No honest party that moves in its time loses, and no challenge is stuck.
//!
//! A block that is full of others' transactions is one in which a party does nothing. A chain that stalls makes no
//! blocks, and the clocks count nothing else.

use crate::{mock::*, *};
use assay_engine::search::Finding;
use assay_primitives::Claims;
use frame_support::{
    assert_ok,
    storage::{with_transaction, TransactionOutcome},
};
use sp_runtime::{DispatchError, StateVersion};
use std::collections::BTreeSet;

/// Steps of the trace: it takes one reveal.
const STEPS: u64 = 100;
const LIE: u64 = 60;
/// The last block for a challenge.
const LAST_CHALLENGE: u64 = 3;
/// A block by which everything has ended.
const LAST: u64 = 10;

/// Does something and takes it back.
fn try_out(act: impl FnOnce()) {
    let claims = CLAIMS.with_borrow(Clone::clone);
    let _ = with_transaction(|| {
        act();
        TransactionOutcome::Rollback(Ok::<(), DispatchError>(()))
    });
    CLAIMS.set(claims);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Party {
    Provider,
    /// Has challenged before the model begins.
    Carol,
    /// Challenges, or does not, and does what it likes.
    Chris,
}

/// Every choice of parties that move in a block, in every order.
fn orders() -> Vec<Vec<Party>> {
    let all = [Party::Provider, Party::Carol, Party::Chris];
    let mut orders = vec![vec![]];
    let mut from = 0;
    while from < orders.len() {
        for party in all {
            if !orders[from].contains(&party) {
                orders.push([&orders[from][..], &[party]].concat());
            }
        }
        from += 1;
    }
    orders
}

struct Model {
    trial: Trial,
    orders: Vec<Vec<Party>>,
    /// The provider's claim is right, and it reveals in time; or it is false, and it does as it likes.
    honest_provider: bool,
    /// Carol moves in time.
    honest_challenger: bool,
    /// The states that were seen.
    seen: BTreeSet<(u64, Vec<u8>)>,
    ends: u64,
}

impl Model {
    /// Goes on from the start of a block, with every choice.
    fn explore(&mut self) {
        let now = System::block_number();
        let open = TestClaims::disputed(self.trial.id).is_some();
        let challenged = Challenges::<Test>::iter_key_prefix(self.trial.id)
            .next()
            .is_some();
        if !open || (!challenged && now > LAST_CHALLENGE) {
            self.ends += 1;
            return self.check_end();
        }
        assert!(now <= LAST, "a challenge is stuck");
        System::reset_events();
        let claims = CLAIMS.with_borrow(|claims| format!("{:?}", claims[&self.trial.id].holds));
        let state = [&sp_io::storage::root(StateVersion::V1)[..], claims.as_bytes()].concat();
        if !self.seen.insert((now, state)) {
            return;
        }
        for order in self.orders.clone() {
            if !self.allows(&order, now) {
                continue;
            }
            for agenda in [true, false] {
                // An agenda that is behind for good is another matter.
                if !agenda && now + 2 > LAST {
                    continue;
                }
                try_out(|| {
                    order.iter().for_each(|party| self.act(*party));
                    System::set_block_number(now + 1);
                    if agenda {
                        poll(now + 1);
                    }
                    assert_ok!(Disputes::do_try_state());
                    self.explore();
                });
            }
        }
    }

    /// Who is honest moves in its last block at the latest.
    fn allows(&self, order: &[Party], now: u64) -> bool {
        let Ok(claim) = Disputes::disputed(self.trial.id) else {
            panic!("the claim is open")
        };
        Challenges::<Test>::iter_prefix(self.trial.id).all(|(who, challenge)| {
            match Disputes::standing(self.trial.id, &claim, &challenge) {
                Standing::Challenger { until } => {
                    let must = self.honest_challenger && who == CAROL && now == until;
                    !must || order.contains(&Party::Carol)
                }
                Standing::Provider { until, .. } => {
                    let must = self.honest_provider && now == until;
                    !must || order.contains(&Party::Provider)
                }
            }
        })
    }

    fn act(&self, party: Party) {
        let who = match party {
            Party::Provider => {
                let _ = self.trial.reveal(self.trial.root());
                return;
            }
            Party::Carol => CAROL,
            Party::Chris => CHRIS,
        };
        if who == CHRIS && self.trial.challenge(&who).is_ok() {
            return;
        }
        // Proves, or else asks, whatever the trace is.
        match self.trial.look() {
            Finding::FalseStep { step, .. } => {
                let _ = self.trial.prove(&who, step);
            }
            _ => {
                let _ = self.trial.ask(&who, self.trial.root());
            }
        }
    }

    /// Who was right has lost nothing, and nobody has a bond left in it.
    fn check_end(&self) {
        for who in [CAROL, CHRIS] {
            if Challenges::<Test>::contains_key(self.trial.id, &who) {
                assert_ok!(self.trial.settle(&who));
            }
            assert_eq!(held(&who), 0);
        }
        assert_ok!(Disputes::do_try_state());
        let judged = self.trial.judged();
        if judged.is_none() {
            assert_eq!(self.trial.holds(), 0, "the claim is stuck");
        }
        if self.honest_provider {
            assert_eq!(judged, None, "an honest provider lost");
        }
        if self.honest_challenger && !self.honest_provider {
            assert!(judged.is_some(), "a false claim stands");
            assert_eq!(free(&CAROL), FUNDS, "an honest challenger lost");
        }
    }
}

fn explore(honest_provider: bool, honest_challenger: bool) -> u64 {
    ExtBuilder.build().execute_with(|| {
        let trial = claim(0, STEPS, (!honest_provider).then_some(LIE));
        CLAIMS.with_borrow_mut(|claims| {
            let claim = claims.get_mut(&trial.id).expect("just made");
            claim.window_end = LAST_CHALLENGE;
            (claim.claim.terms.move_time, claim.claim.terms.reveal_time) = (1, 1);
        });
        assert_ok!(trial.challenge(&CAROL));
        System::set_block_number(2);
        let mut model = Model {
            trial,
            orders: orders(),
            honest_provider,
            honest_challenger,
            seen: BTreeSet::new(),
            ends: 0,
        };
        assert_eq!(model.orders.len(), 16);
        model.explore();
        model.ends
    })
}

#[test]
fn honest_provider_never_loses() {
    assert!(explore(true, false) > 500);
}

#[test]
fn honest_challenger_of_a_false_claim_never_loses() {
    assert!(explore(false, true) > 100);
}

#[test]
fn no_challenge_is_stuck_whatever_they_do() {
    assert!(explore(false, false) > 500);
}
