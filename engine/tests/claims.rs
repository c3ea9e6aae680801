//! An honest claim verifies. What cannot be right does not.

mod programs;

use assay_engine::{
    claim::{Claim, ClaimError, ClaimTerms, Ending, Opening},
    limits::{MAX_OUTPUT_LEN, MAX_PUBLIC_STEPS, MAX_STEPS},
    memory::{MemoryTree, Proof, ProofNode, Region},
    trace::{TraceId, TraceTree},
    Executor, Hash, Machine, Program, State, Status, TrapReason, WasmiExecutor,
};
use codec::{Decode, Encode};
use programs::Run;

const ID: TraceId = TraceId {
    author: [7; 32],
    job: 42,
};

/// A finished run and the claim for it.
struct Claimed {
    run: Run,
    states: Vec<Hash>,
    machine: Machine,
    claim: Claim,
    max_steps: u64,
}

fn claimed(run: Run, max_steps: u64) -> Claimed {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let mut machine = Machine::new(&run.params, &run.input);
    let mut states = vec![machine.state_hash()];
    while machine.steps() < max_steps && machine.step(&executor, &module).unwrap().is_some() {
        states.push(machine.state_hash());
    }
    let claim = Claim::new(ID, &states, &mut machine).unwrap();
    Claimed {
        run,
        states,
        machine,
        claim,
        max_steps,
    }
}

impl Claimed {
    fn terms(&self) -> ClaimTerms<'_> {
        let mut params = MemoryTree::new();
        params.write(Region::Params.start(), &self.run.params).unwrap();
        ClaimTerms {
            author: ID.author,
            job: ID.job,
            params_root: params.region_root(Region::Params).unwrap(),
            params_len: self.run.params.len() as u64,
            input: &self.run.input,
            max_steps: self.max_steps,
        }
    }

    /// What a chain finds that receives the claim after `change`.
    fn after(&self, change: impl FnOnce(&mut Claim)) -> Result<Ending, ClaimError> {
        let mut claim = self.claim.clone();
        change(&mut claim);
        let claim = Claim::decode(&mut &claim.encode()[..]).unwrap();
        claim.verify(&self.terms())
    }

    /// A claim whose trace ends in `end`, consistent in all else.
    fn ending_in(&self, end: State, output: Proof) -> Result<Ending, ClaimError> {
        let mut states = self.states.clone();
        *states.last_mut().unwrap() = end.hash();
        let tree = TraceTree::new(ID, &states);
        self.after(|claim| {
            claim.trace_root = tree.root();
            claim.end = end;
            claim.output = output;
            claim.opening = match &claim.opening {
                Opening::Whole(_) => Opening::Whole(ID.leaves(&states).collect()),
                Opening::Ends { .. } => Opening::Ends {
                    first: tree.path(0),
                    last: tree.path(claim.steps),
                },
            };
        })
    }
}

fn short() -> Claimed {
    claimed(programs::counter_run(5), 100)
}

fn long() -> Claimed {
    claimed(programs::counter_run(70), 100)
}

#[test]
fn claim_of_every_program_verifies() {
    for run in programs::all() {
        let expected = match &run.expected {
            programs::Expected::Halted(output, _) => Ending::Answer(output.clone()),
            programs::Expected::Trapped(reason, _) => Ending::Trapped(*reason),
        };
        let claimed = claimed(run, 1000);
        assert_eq!(claimed.after(|_| {}), Ok(expected), "{}", claimed.run.name);
    }
}

#[test]
fn trace_of_64_steps_is_opened_whole_and_of_65_at_its_ends() {
    let at = |steps: u64| claimed(programs::counter_run(steps as u32), steps);
    let claim = at(MAX_PUBLIC_STEPS);
    let leaves = ID.leaves(&claim.states).collect::<Vec<_>>();
    assert!(matches!(&claim.claim.opening, Opening::Whole(shown) if *shown == leaves));
    assert!(claim.after(|_| {}).is_ok());
    let claim = at(MAX_PUBLIC_STEPS + 1);
    assert!(matches!(claim.claim.opening, Opening::Ends { .. }));
    assert!(claim.after(|_| {}).is_ok());
}

#[test]
fn run_that_reaches_the_last_allowed_step_is_unfinished() {
    let claimed = claimed(programs::counter_run(100), 10);
    assert_eq!(claimed.after(|_| {}), Ok(Ending::Unfinished));
}

#[test]
fn run_that_stops_before_the_last_allowed_step_is_not_terminal() {
    let mut claimed = claimed(programs::counter_run(100), 10);
    claimed.max_steps = 11;
    assert_eq!(claimed.after(|_| {}), Err(ClaimError::NotTerminal));
}

#[test]
fn states_that_do_not_match_the_steps_make_no_claim() {
    let mut claimed = short();
    assert!(Claim::new(ID, &claimed.states[1..], &mut claimed.machine).is_none());
    assert!(Claim::new(ID, &[], &mut claimed.machine).is_none());
}

#[test]
fn nobody_learns_the_states_of_a_run_from_its_claim() {
    for claimed in [short(), long()] {
        let shown = claimed.claim.encode();
        let between = &claimed.states[1..claimed.states.len() - 1];
        assert!(!between.is_empty());
        for state in between {
            assert!(!shown.windows(state.len()).any(|bytes| bytes == state));
        }
    }
}

#[test]
fn claim_against_other_terms_fails() {
    for claimed in [short(), long()] {
        let terms = claimed.terms();
        let input = [terms.input, &[0]].concat();
        let cases = [
            (
                "author",
                ClaimTerms {
                    author: [8; 32],
                    ..terms.clone()
                },
                ClaimError::WrongStart,
            ),
            (
                "job",
                ClaimTerms {
                    job: 43,
                    ..terms.clone()
                },
                ClaimError::WrongStart,
            ),
            (
                "params root",
                ClaimTerms {
                    params_root: [1; 32],
                    ..terms.clone()
                },
                ClaimError::WrongStart,
            ),
            (
                "params length",
                ClaimTerms {
                    params_len: 1,
                    ..terms.clone()
                },
                ClaimError::WrongStart,
            ),
            (
                "input",
                ClaimTerms {
                    input: &input,
                    ..terms.clone()
                },
                ClaimError::WrongStart,
            ),
            (
                "fewer steps",
                ClaimTerms {
                    max_steps: claimed.claim.steps - 1,
                    ..terms.clone()
                },
                ClaimError::WrongSteps,
            ),
        ];
        for (name, terms, error) in cases {
            assert_eq!(claimed.claim.verify(&terms), Err(error), "{name}");
        }
        assert!(claimed.claim.verify(&terms).is_ok());
    }
}

type Change = fn(&mut Claim);

#[test]
fn short_claim_with_one_part_changed_fails_by_name() {
    let claimed = short();
    fn leaves(claim: &mut Claim) -> &mut Vec<Hash> {
        match &mut claim.opening {
            Opening::Whole(leaves) => leaves,
            Opening::Ends { .. } => panic!("short claims are opened whole"),
        }
    }
    let cases: [(&str, Change, ClaimError); 15] = [
        ("no steps", |claim| claim.steps = 0, ClaimError::WrongSteps),
        (
            "more steps than leaves",
            |claim| claim.steps += 1,
            ClaimError::WrongOpening,
        ),
        (
            "fewer steps than leaves",
            |claim| claim.steps -= 1,
            ClaimError::WrongOpening,
        ),
        (
            "too many steps",
            |claim| claim.steps = u64::MAX,
            ClaimError::WrongSteps,
        ),
        (
            "trace root",
            |claim| claim.trace_root[0] ^= 1,
            ClaimError::WrongRoot,
        ),
        (
            "first leaf",
            |claim| leaves(claim)[0][0] ^= 1,
            ClaimError::WrongStart,
        ),
        (
            "leaf in between",
            |claim| leaves(claim)[2][0] ^= 1,
            ClaimError::WrongRoot,
        ),
        (
            "last leaf",
            |claim| leaves(claim)[5][0] ^= 1,
            ClaimError::WrongEnd,
        ),
        (
            "no leaves",
            |claim| leaves(claim).clear(),
            ClaimError::WrongOpening,
        ),
        (
            "opened at its ends",
            |claim| {
                claim.opening = Opening::Ends {
                    first: vec![],
                    last: vec![],
                }
            },
            ClaimError::WrongOpening,
        ),
        ("end's pc", |claim| claim.end.pc ^= 1, ClaimError::WrongEnd),
        (
            "end's output length",
            |claim| claim.end.status = Status::Halted { output_len: 7 },
            ClaimError::WrongEnd,
        ),
        (
            "end's status",
            |claim| {
                claim.end.status = Status::Trapped {
                    reason: TrapReason::OutOfFuel,
                }
            },
            ClaimError::WrongEnd,
        ),
        (
            "end's memory",
            |claim| claim.end.memory_root[0] ^= 1,
            ClaimError::WrongEnd,
        ),
        (
            "no output",
            |claim| claim.output.nodes.clear(),
            ClaimError::WrongOutput,
        ),
    ];
    for (name, change, error) in cases {
        assert_eq!(claimed.after(change), Err(error), "{name}");
    }
}

#[test]
fn long_claim_with_one_part_changed_fails_by_name() {
    let claimed = long();
    fn paths(claim: &mut Claim) -> [&mut Vec<Hash>; 2] {
        match &mut claim.opening {
            Opening::Ends { first, last } => [first, last],
            Opening::Whole(_) => panic!("long claims are opened at their ends"),
        }
    }
    let cases: [(&str, Change, ClaimError); 10] = [
        (
            "trace root",
            |claim| claim.trace_root[0] ^= 1,
            ClaimError::WrongStart,
        ),
        (
            "steps within the same height",
            |claim| claim.steps += 1,
            ClaimError::WrongEnd,
        ),
        (
            "steps of another height",
            |claim| claim.steps = 65,
            ClaimError::WrongOpening,
        ),
        (
            "steps opened whole",
            |claim| claim.steps = 64,
            ClaimError::WrongOpening,
        ),
        (
            "first path",
            |claim| paths(claim)[0][0][0] ^= 1,
            ClaimError::WrongStart,
        ),
        (
            "last path",
            |claim| paths(claim)[1][6][0] ^= 1,
            ClaimError::WrongEnd,
        ),
        (
            "first path too short",
            |claim| {
                paths(claim)[0].pop();
            },
            ClaimError::WrongOpening,
        ),
        (
            "last path too long",
            |claim| paths(claim)[1].push([0; 32]),
            ClaimError::WrongOpening,
        ),
        (
            "leaves of a part of it",
            |claim| claim.opening = Opening::Whole(vec![[0; 32]; 65]),
            ClaimError::WrongOpening,
        ),
        ("end's pc", |claim| claim.end.pc ^= 1, ClaimError::WrongEnd),
    ];
    for (name, change, error) in cases {
        assert_eq!(claimed.after(change), Err(error), "{name}");
    }
}

#[test]
fn claim_of_more_steps_than_any_trace_has_fails_whatever_the_version_allows() {
    let mut claimed = long();
    claimed.max_steps = u64::MAX;
    assert!(claimed.after(|_| {}).is_ok());
    assert_eq!(
        claimed.after(|claim| claim.steps = MAX_STEPS + 1),
        Err(ClaimError::WrongSteps)
    );
}

#[test]
fn output_that_the_end_does_not_hold_fails() {
    let claimed = claimed(
        Run {
            input: 5000u32.to_le_bytes().to_vec(),
            ..programs::all()
                .into_iter()
                .find(|run| run.name == "output of 1 bytes")
                .unwrap()
        },
        1,
    );
    let chunk = |claim: &mut Claim, position: usize| {
        let chunks = claim.output.nodes.iter().enumerate();
        let mut chunks = chunks.filter(|(_, node)| matches!(node, ProofNode::Chunk(_)));
        chunks.nth(position).unwrap().0
    };
    assert!(matches!(claimed.after(|_| {}), Ok(Ending::Answer(output)) if output.len() == 5000));
    for position in [0, 1] {
        let changed = claimed.after(|claim| {
            let index = chunk(claim, position);
            if let ProofNode::Chunk(bytes) = &mut claim.output.nodes[index] {
                bytes[9] ^= 1;
            }
        });
        assert_eq!(changed, Err(ClaimError::WrongOutput), "chunk {position} changed");
        let mut end = claimed.claim.clone();
        let index = chunk(&mut end, position);
        let mut single = MemoryTree::new();
        if let ProofNode::Chunk(bytes) = &end.output.nodes[index] {
            single.write(0, bytes).unwrap();
        }
        single.root();
        let hash = {
            // The chunk's own hash: the lowest sibling of a proof of its neighbour.
            let proof = single.prove(&[1].into()).unwrap();
            match proof
                .nodes
                .iter()
                .find(|node| matches!(node, ProofNode::Pruned(_)))
            {
                Some(ProofNode::Pruned(hash)) => *hash,
                _ => panic!("the neighbour's proof names the chunk by its hash"),
            }
        };
        let left_out = claimed.after(|claim| claim.output.nodes[index] = ProofNode::Pruned(hash));
        assert_eq!(
            left_out,
            Err(ClaimError::WrongOutput),
            "chunk {position} left out"
        );
    }
    let trailing = claimed.after(|claim| claim.output.nodes.push(ProofNode::Zero));
    assert_eq!(trailing, Err(ClaimError::WrongOutput));
}

#[test]
fn output_longer_than_an_output_fails_though_all_hashes_match() {
    for mut claimed in [short(), long()] {
        for output_len in [MAX_OUTPUT_LEN + 1, u32::MAX] {
            let mut end = claimed.machine.state();
            end.status = Status::Halted { output_len };
            let zeros = claimed
                .machine
                .memory()
                .prove(&[Region::Output.first_chunk()].into());
            assert_eq!(
                claimed.ending_in(end, zeros.unwrap()),
                Err(ClaimError::WrongOutput),
                "{output_len} bytes"
            );
        }
    }
}

#[test]
fn trapped_or_unfinished_claim_that_shows_an_output_fails() {
    let nodes = vec![ProofNode::Zero];
    let trapped = claimed(programs::trap_run(0), 10);
    assert_eq!(
        trapped.after(|claim| claim.output.nodes = nodes.clone()),
        Err(ClaimError::WrongOutput)
    );
    let unfinished = claimed(programs::counter_run(100), 10);
    assert_eq!(
        unfinished.after(|claim| claim.output.nodes = nodes),
        Err(ClaimError::WrongOutput)
    );
}
