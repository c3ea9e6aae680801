//! Benchmarks of every call and of every transition of the agenda.
//!
//! A fraud proof has two: one over the size of the program and the witness, with a step that does
//! nothing, and one over the fuel of the dearest step that is known.

use crate::*;
use alloc::{vec, vec::Vec};
use assay_engine::{
    fraud::{FraudProof, Trace},
    limits::{MAX_PROGRAM_LEN, MAX_STEPS, STEP_FUEL},
    memory::{MemoryTree, Region},
    trace::{node_of_shown, root_of_path, NodeId, TraceId},
    witness::StepWitness,
    Executor, Hash, Machine, Program, State, Status, WasmiExecutor,
};
use assay_primitives::{ClaimId, Claims as _, Programs as _, MAX_REVEALS};
use frame_benchmarking::v2::*;
use frame_support::{
    assert_ok,
    pallet_prelude::TransactionSource,
    traits::{fungible::Mutate, Authorize},
    weights::Weight,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_runtime::traits::{Bounded, One, Saturating, Zero};

const STEPS: u64 = MAX_STEPS;
/// The siblings of everything.
const SIBLING: Hash = [7; 32];

fn funded<T: Config>(name: &'static str) -> T::AccountId {
    let who = account(name, 0, 0);
    T::Fungible::set_balance(&who, BalanceOf::<T>::max_value() / 1_000u32.into());
    who
}

/// A claim of the longest trace whose root is that above `node` with `hash`.
fn claim_with<T: Config>(node: NodeId, hash: Hash) -> ClaimId {
    claim_of::<T>(H256::zero(), STEPS, &|_, _| {
        H256(root_of_path(STEPS, node, hash, &path_of(STEPS, node)).unwrap())
    })
}

fn claim_of<T: Config>(program: H256, steps: u64, root: &dyn Fn(&T::AccountId, u64) -> H256) -> ClaimId {
    T::Claims::benchmark_claim(program, steps, root)
}

fn path_of(steps: u64, node: NodeId) -> Vec<Hash> {
    vec![SIBLING; usize::from(NodeId::root(steps).height - node.height)]
}

fn challenged<T: Config>(id: ClaimId) -> T::AccountId {
    challenged_by::<T>("challenger", id)
}

fn challenged_by<T: Config>(name: &'static str, id: ClaimId) -> T::AccountId {
    let who = funded::<T>(name);
    assert_ok!(Pallet::<T>::do_challenge(who.clone(), id));
    who
}

/// A challenge that waits for the last reveal that it may ask for. Its challenger was the first, and there is
/// another one.
fn asked<T: Config>() -> (ClaimId, T::AccountId) {
    let node = NodeId { height: 10, index: 0 };
    let id = claim_with::<T>(node, SIBLING);
    let who = challenged::<T>(id);
    challenged_by::<T>("other", id);
    let path = path_of(STEPS, node).into_iter().map(H256).collect::<Vec<_>>();
    assert_ok!(Pallet::<T>::do_ask(
        who.clone(),
        id,
        node,
        H256(SIBLING),
        path.try_into().unwrap()
    ));
    Challenges::<T>::mutate(id, &who, |challenge| {
        let asked = &mut challenge.as_mut().unwrap().asked;
        let above = (node.height + 1..).map(|height| NodeId { height, index: 0 });
        for node in above.take(MAX_REVEALS as usize - 1) {
            asked.try_push(node).unwrap();
            shown::<T>(id, node);
        }
    });
    (id, who)
}

/// Lets a node that one challenge asked for have been shown at the start.
fn shown<T: Config>(id: ClaimId, node: NodeId) {
    let reveal = Reveal {
        hash: H256(SIBLING),
        state: RevealState::Shown { at: Zero::zero() },
        askers: 1,
    };
    Reveals::<T>::insert(id, node, reveal);
}

/// A reveal of `hashes` hashes that somebody waits for.
fn owed<T: Config>(hashes: u32) -> (ClaimId, NodeId, Hashes) {
    // The last node of its height, above as many pairs of leaves.
    let steps = (1 << 20) + 2 * u64::from(hashes) - 1;
    let node = NodeId {
        height: 11,
        index: 1 << 9,
    };
    let id = claim_of::<T>(H256::zero(), steps, &|_, _| H256::zero());
    let hash = node_of_shown(steps, node, vec![SIBLING; hashes as usize]).unwrap();
    Reveals::<T>::insert(
        id,
        node,
        Reveal {
            hash: H256(hash),
            state: RevealState::Asked {
                until: BlockNumberFor::<T>::max_value(),
            },
            askers: 1,
        },
    );
    let hashes = vec![H256(SIBLING); hashes as usize];
    (id, node, hashes.try_into().unwrap())
}

/// A proof over the first step of a trace, which is false, and the claim of that trace.
fn fraud<T: Config>(code: u32, chunks: u32) -> (ClaimId, FraudProof) {
    let mut memory = MemoryTree::new();
    // Far from each other, so that each has a path of its own.
    let chunks = (0..chunks).map(|chunk| Region::Work.first_chunk() + (chunk << 21));
    let chunks = chunks.collect::<alloc::collections::BTreeSet<_>>();
    for chunk in &chunks {
        memory.write(u64::from(*chunk) * 4096, &[1; 4096]).ok().unwrap();
    }
    let state = State {
        pc: 0,
        status: Status::Running,
        params_len: 0,
        input_len: 0,
        memory_root: memory.root(),
    };
    let witness = StepWitness {
        state: state.clone(),
        memory: memory.prove(&chunks).ok().unwrap(),
    };
    let leaf_after = SIBLING;
    let before = path_of(STEPS, NodeId::leaf(0));
    let program = T::Programs::benchmark_program(code);
    let leaf = core::cell::RefCell::new(SIBLING);
    let id = claim_of::<T>(program, STEPS, &|provider, job| {
        let author = provider.clone().into();
        let hash = TraceId { author, job }.leaf(0, &state.hash());
        *leaf.borrow_mut() = hash;
        H256(root_of_path(STEPS, NodeId::leaf(0), hash, &before).unwrap())
    });
    let mut after = before.clone();
    *after.first_mut().unwrap() = leaf.into_inner();
    let proof = FraudProof {
        step: 0,
        witness,
        before,
        leaf_after,
        after,
    };
    (id, proof)
}

/// A program whose step divides vectors of subnormal numbers, a hundred times for each turn that the input asks for. Of all that
/// is known it takes the most time for its fuel, see `docs/limits.md`.
fn dearest_program() -> Vec<u8> {
    const LINKS: usize = 100;
    /// 1.5 * 2^-130, and 1.
    const TINY: [u8; 4] = 0x000c_0000_u32.to_le_bytes();
    const ONE: [u8; 4] = 0x3f80_0000_u32.to_le_bytes();
    let section = |id: u8, content: Vec<u8>| [vec![id], leb128(content.len()), content].concat();
    let types = b"\x02\x60\x03\x7e\x7f\x7f\x00\x60\x01\x7e\x01\x7e";
    let imports = b"\x01\x05assay\x04read\x00\x00";
    let exports = b"\x02\x06memory\x02\x00\x04step\x00\x01";
    // v128.const; local.set
    let set = |local: u8, lane: [u8; 4]| [&[0xfd, 0x0c][..], &lane.repeat(4), &[0x21, local]].concat();
    // local.get 3; f32x4.div
    let link = b"\x20\x03\xfd\xe7\x01";
    let step = [
        // An i32 for the turns and two vectors. Reads the turns from the input.
        &b"\x02\x01\x7f\x02\x7b\x42\x80\x80\x80\x80\x80\x20\x41\x00\x41\x04\x10\x00\x41\x00\x28\x02\x00\x21\x01"[..],
        &set(2, TINY),
        &set(3, ONE),
        // block; loop; a turn less, or out
        b"\x02\x40\x03\x40\x20\x01\x45\x0d\x01\x20\x01\x41\x01\x6b\x21\x01",
        b"\x20\x02",
        &link.repeat(LINKS),
        // drop; br 0; end; end; i64.const 0; end
        b"\x1a\x0c\x00\x0b\x0b\x42\x00\x0b",
    ]
    .concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, types.to_vec()),
        section(2, imports.to_vec()),
        section(3, b"\x01\x01".to_vec()),
        section(5, b"\x01\x01\x01\x01".to_vec()),
        section(7, exports.to_vec()),
        section(10, [vec![1], leb128(step.len()), step].concat()),
    ]
    .concat()
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The dearest program, and a machine before a step of it that uses about so much fuel, and not more.
fn dear_step(fuel: u32) -> (Program, Machine) {
    let program = Program::new(dearest_program()).expect("keeps the rules");
    let executor = WasmiExecutor::new();
    let module = executor.load(&program).ok().unwrap();
    let machine = |turns: u32| Machine::new(&[], &turns.to_le_bytes());
    let used = |turns| {
        let run = machine(turns).step(&executor, &module).ok().unwrap();
        u32::try_from(run.unwrap().fuel.unwrap()).unwrap()
    };
    let (none, one) = (used(0), used(1));
    let turns = fuel.saturating_sub(none) / (one - none);
    assert!(used(turns) <= fuel.max(none));
    (program, machine(turns))
}

fn late<T: Config>(id: ClaimId, who: &T::AccountId) -> BlockNumberFor<T> {
    let challenge = Challenges::<T>::get(id, who).unwrap();
    Pallet::<T>::unschedule(id, who, &challenge);
    frame_system::Pallet::<T>::set_block_number(challenge.due);
    challenge.due
}

#[benchmarks]
mod benches {
    use super::*;

    #[benchmark]
    fn challenge() {
        let id = claim_of::<T>(H256::zero(), STEPS, &|_, _| H256::zero());
        let who = funded::<T>("challenger");

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), id);

        assert!(Challenges::<T>::contains_key(id, who));
    }

    #[benchmark]
    fn ask() {
        let node = NodeId { height: 10, index: 0 };
        let id = claim_with::<T>(node, SIBLING);
        let who = challenged::<T>(id);
        let path = path_of(STEPS, node).into_iter().map(H256).collect::<Vec<_>>();

        #[extrinsic_call]
        _(
            RawOrigin::Signed(who),
            id,
            node,
            H256(SIBLING),
            path.try_into().unwrap(),
        );

        assert!(Reveals::<T>::contains_key(id, node));
    }

    #[benchmark]
    fn reveal(n: Linear<1, MAX_SHOWN>) {
        let (id, node, hashes) = owed::<T>(n);

        #[extrinsic_call]
        _(RawOrigin::Authorized, id, node, hashes);

        assert!(matches!(
            Reveals::<T>::get(id, node).unwrap().state,
            RevealState::Shown { .. }
        ));
    }

    #[benchmark]
    fn authorize_reveal(n: Linear<1, MAX_SHOWN>) {
        let (claim, node, hashes) = owed::<T>(n);
        let call = Call::<T>::reveal { claim, node, hashes };

        #[block]
        {
            assert!(call.authorize(TransactionSource::External).unwrap().is_ok());
        }
    }

    #[benchmark]
    fn prove_fraud(p: Linear<0, { MAX_PROGRAM_LEN as u32 }>, c: Linear<0, MAX_PROOF_CHUNKS>) {
        let (id, proof) = fraud::<T>(p, c);
        let challenger = challenged::<T>(id);
        let next = frame_system::Pallet::<T>::block_number().saturating_add(One::one());
        frame_system::Pallet::<T>::set_block_number(next);
        let prover = funded::<T>("prover");

        #[extrinsic_call]
        _(RawOrigin::Signed(prover), id, proof);

        assert_eq!(FirstChallenger::<T>::get(id), Some(challenger));

        assert!(T::Claims::disputed(id).is_none());
    }

    #[benchmark]
    fn fuel(f: Linear<0, { STEP_FUEL as u32 }>) {
        let (program, mut machine) = dear_step(f);
        let executor = WasmiExecutor::new();
        let module = executor.load(&program).ok().unwrap();
        let mut before = machine.clone();
        let run = machine.step(&executor, &module).ok().unwrap().unwrap();
        let proof = FraudProof {
            step: 0,
            witness: StepWitness {
                state: before.state(),
                memory: before.memory().prove(&run.touched).ok().unwrap(),
            },
            before: path_of(STEPS, NodeId::leaf(0)),
            leaf_after: SIBLING,
            after: vec![],
        };
        let id = TraceId {
            author: [1; 32],
            job: 1,
        };
        let leaf = id.leaf(0, &before.state_hash());
        let trace = Trace {
            id,
            steps: STEPS,
            root: root_of_path(STEPS, NodeId::leaf(0), leaf, &proof.before).unwrap(),
        };
        let mut after = proof.before.clone();
        *after.first_mut().unwrap() = leaf;
        let proof = FraudProof { after, ..proof }.open(&trace).ok().unwrap();
        let judged;

        #[block]
        {
            judged = crate::judge::judge::<T>(program.code().to_vec(), proof);
        }

        assert!(judged.result.is_ok());
    }

    #[benchmark]
    fn settle() {
        let (id, who) = asked::<T>();
        let due = Challenges::<T>::get(id, &who).unwrap().due;
        frame_system::Pallet::<T>::set_block_number(due);

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), id, who.clone());

        assert!(!Challenges::<T>::contains_key(id, who));
    }

    #[benchmark]
    fn agenda_base() {
        let now: BlockNumberFor<T> = 10u32.into();
        NextDue::<T>::put(now.saturating_add(One::one()));

        #[block]
        {
            Pallet::<T>::serve_agenda(now, Weight::MAX);
        }

        assert!(NextDue::<T>::get().is_some_and(|next| next > now));
    }

    #[benchmark]
    fn agenda_look() {
        let now: BlockNumberFor<T> = 10u32.into();
        let id = (ClaimId { job: 7, attempt: 0 }, funded::<T>("challenger"));
        Agenda::<T>::insert(now, &id, ());
        let found;

        #[block]
        {
            found = Agenda::<T>::drain_prefix(now).next();
        }

        assert_eq!(found, Some((id, ())));
    }

    #[benchmark]
    fn due_return() {
        let (id, who) = asked::<T>();
        assert_ok!(T::Claims::disprove(id, &who));
        let now = late::<T>(id, &who);

        #[block]
        {
            Pallet::<T>::serve(id, who.clone(), now);
        }

        assert!(!Challenges::<T>::contains_key(id, who));
    }

    #[benchmark]
    fn due_withheld() {
        let (id, who) = asked::<T>();
        let now = late::<T>(id, &who);

        #[block]
        {
            Pallet::<T>::serve(id, who.clone(), now);
        }

        assert!(T::Claims::disputed(id).is_none());
    }

    #[benchmark]
    fn due_abandoned() {
        let (id, who) = asked::<T>();
        shown::<T>(id, NodeId { height: 10, index: 0 });
        let now = late::<T>(id, &who);

        #[block]
        {
            Pallet::<T>::serve(id, who.clone(), now);
        }

        assert_eq!(T::Claims::holds(id), 1);
        assert!(FirstChallenger::<T>::get(id).is_some_and(|first| first != who));
    }

    impl_benchmark_test_suite!(
        Pallet,
        crate::mock::ExtBuilder::default().build(),
        crate::mock::Test
    );
}
