//! A small model of the clocks, whole: every order of moves over a few blocks, with an agenda that may be
//! behind in any of them. No honest party that moves in its time loses, and no challenge is stuck.
//!
//! A block that is full of others' transactions is one in which a party does nothing. A chain that stalls makes no
//! blocks, and the clocks count nothing else.

use crate::{mock::*, *};
use assay_engine::search::Finding;
use frame_support::{
    assert_ok,
    storage::{with_transaction, TransactionOutcome},
};
use sp_runtime::DispatchError;

/// Steps of the trace: it takes one reveal.
const STEPS: u64 = 100;
const LIE: u64 = 60;

/// Does something and takes it back.
fn try_out(act: impl FnOnce()) {
    let claims = CLAIMS.with_borrow(Clone::clone);
    let _ = with_transaction(|| {
        act();
        TransactionOutcome::Rollback(Ok::<(), DispatchError>(()))
    });
    CLAIMS.set(claims);
}

/// What the parties do in a block, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Nothing,
    Provider,
    Challenger,
    ProviderThenChallenger,
    ChallengerThenProvider,
}

const ACTS: [Act; 5] = [
    Act::Nothing,
    Act::Provider,
    Act::Challenger,
    Act::ProviderThenChallenger,
    Act::ChallengerThenProvider,
];

#[derive(Clone, Copy)]
struct Model {
    /// The provider's claim is right, and it reveals in time; or it is false, and it does as it likes.
    honest_provider: bool,
    /// The challenger moves in time.
    honest_challenger: bool,
    last: u64,
}

impl Model {
    /// Goes on from the start of a block, with every choice.
    fn explore(self, trial: &Trial, ends: &mut u64) {
        let now = System::block_number();
        if trial.judged().is_some() || !Challenges::<Test>::contains_key(trial.id, CAROL) {
            *ends += 1;
            return self.check_end(trial);
        }
        assert!(now <= self.last, "the challenge is stuck");
        for act in ACTS {
            if !self.allows(trial, act, now) {
                continue;
            }
            for agenda in [true, false] {
                // An agenda that is behind for good is another matter.
                if !agenda && now + 2 > self.last {
                    continue;
                }
                try_out(|| {
                    self.act(trial, act);
                    System::set_block_number(now + 1);
                    if agenda {
                        poll(now + 1);
                    }
                    assert_ok!(Disputes::do_try_state());
                    self.explore(trial, ends);
                });
            }
        }
    }

    /// Who is honest moves in its last block at the latest.
    fn allows(&self, trial: &Trial, act: Act, now: u64) -> bool {
        let challenge = Challenges::<Test>::get(trial.id, CAROL).expect("is open");
        let Ok(claim) = Disputes::disputed(trial.id) else {
            panic!("the claim is open")
        };
        let (provider, challenger) = match act {
            Act::Nothing => (false, false),
            Act::Provider => (true, false),
            Act::Challenger => (false, true),
            Act::ProviderThenChallenger | Act::ChallengerThenProvider => (true, true),
        };
        match Disputes::standing(trial.id, &claim, &challenge) {
            Standing::Challenger { until } => !self.honest_challenger || now != until || challenger,
            Standing::Provider { until, .. } => !self.honest_provider || now != until || provider,
        }
    }

    fn act(&self, trial: &Trial, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Provider => provider_moves(trial),
            Act::Challenger => challenger_moves(trial),
            Act::ProviderThenChallenger => {
                provider_moves(trial);
                challenger_moves(trial);
            }
            Act::ChallengerThenProvider => {
                challenger_moves(trial);
                provider_moves(trial);
            }
        }
    }

    fn check_end(&self, trial: &Trial) {
        if self.honest_provider {
            assert_eq!(trial.judged(), None, "an honest provider lost");
        }
        if self.honest_challenger && !self.honest_provider {
            assert_eq!(trial.judged(), Some(Some(CAROL)), "an honest challenger lost");
        }
    }
}

fn provider_moves(trial: &Trial) {
    let _ = trial.reveal(trial.root());
}

/// Proves, or else asks, whatever the trace is.
fn challenger_moves(trial: &Trial) {
    match trial.look() {
        Finding::FalseStep { step, .. } => {
            let _ = trial.prove(&CAROL, step);
        }
        _ => {
            let _ = trial.ask(&CAROL, trial.root());
        }
    }
}

fn explore(honest_provider: bool, honest_challenger: bool) -> u64 {
    let mut ends = 0;
    ExtBuilder.build().execute_with(|| {
        let trial = claim(0, STEPS, (!honest_provider).then_some(LIE));
        CLAIMS.with_borrow_mut(|claims| {
            let terms = &mut claims.get_mut(&trial.id).expect("just made").claim.terms;
            (terms.move_time, terms.reveal_time) = (1, 1);
        });
        assert_ok!(trial.challenge(&CAROL));
        System::set_block_number(2);
        Model {
            honest_provider,
            honest_challenger,
            last: 9,
        }
        .explore(&trial, &mut ends);
    });
    ends
}

#[test]
fn honest_provider_never_loses() {
    assert!(explore(true, false) > 1_000);
}

#[test]
fn honest_challenger_of_a_false_claim_never_loses() {
    assert!(explore(false, true) > 100);
}

#[test]
fn no_challenge_is_stuck_whatever_both_do() {
    assert!(explore(false, false) > 1_000);
}
