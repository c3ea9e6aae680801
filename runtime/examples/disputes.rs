//! What a dispute takes of the chain: every transaction of it, with its bytes and its weight, for traces of
//! several lengths. `scripts/measure.sh disputes` prints the table.

#[path = "../tests/world/mod.rs"]
mod world;

use assay_engine::{
    claim::{Claim, Opening},
    fraud::{FraudProof, Trace},
    limits::MAX_PUBLIC_STEPS,
    search::{Finding, Search},
    trace::{shown_key, NodeId, TraceId, TraceTree},
    Hash as StateHash, Machine,
};
use assay_primitives::ClaimId;
use assay_runtime::{Hash, Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, Encode};
use frame_support::{assert_ok, dispatch::GetDispatchInfo, weights::Weight};
use pallet_disputes::Call;
use sp_core::offchain::StorageKind;
use sp_keyring::Sr25519Keyring::{Bob, Dave};
use sp_runtime::traits::Dispatchable;
use world::{params, program, run, submit_claim, trace_of_bob, World, VERSION};

/// Steps of the program, which halts long before what is claimed.
const STEPS: u64 = 3;
const INPUT: u8 = 4;
/// Bytes of a signed transaction beside its call: length, version, address, signature, extensions.
const ENVELOPE: usize = 110;
const EXPONENTS: [u32; 4] = [6, 10, 16, 20];

/// A dispute under way.
struct Dispute {
    world: World,
    id: ClaimId,
    trace: Trace,
    tree: TraceTree,
    /// The states of an honest run.
    right: Vec<StateHash>,
    spent: Vec<Spent>,
}

/// What a transaction took.
struct Spent {
    name: &'static str,
    bytes: usize,
    weight: Weight,
}

fn main() {
    println!("| steps | transactions | challenge | asks | reveals | proof | settle | bytes | ms | proof size, KiB |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for exponent in EXPONENTS {
        print_row(exponent, &dispute(1 << exponent));
    }
    let block = <Runtime as frame_system::Config>::BlockWeights::get().max_block;
    let [ms, kib] = in_units(block);
    println!("\nA block has {ms:.0} ms and {kib:.0} KiB of proof size.");
}

fn print_row(exponent: u32, spent: &[Spent]) {
    let bytes = |name| {
        let of_name = spent.iter().filter(|spent| spent.name == name);
        let bytes = of_name.map(|spent| spent.bytes.to_string()).collect::<Vec<_>>();
        if bytes.is_empty() {
            "-".into()
        } else {
            bytes.join(" + ")
        }
    };
    let columns = ["challenge", "ask", "reveal", "prove_fraud", "settle"]
        .map(bytes)
        .join(" | ");
    let total = spent.iter().map(|spent| spent.bytes).sum::<usize>();
    let [ms, kib] = in_units(spent.iter().fold(Weight::zero(), |sum, spent| sum + spent.weight));
    println!(
        "| 2^{exponent} | {} | {columns} | {total} | {ms:.1} | {kib:.0} |",
        spent.len()
    );
}

/// Milliseconds, and KiB of proof size.
fn in_units(weight: Weight) -> [f64; 2] {
    [
        weight.ref_time() as f64 / 1e9,
        weight.proof_size() as f64 / 1024.0,
    ]
}

/// A dispute about a claim of so many steps, of which all but the first are false.
fn dispute(steps: u64) -> Vec<Spent> {
    let mut dispute = Dispute::begin(steps);
    dispute.send("challenge", Call::challenge { claim: dispute.id });
    loop {
        let search = Search::new(dispute.trace, &dispute.right);
        let found = search.find(|node, hash| dispute.world.execute(|| shown(steps, node, hash)));
        match found {
            Finding::Hidden { node, hash, path } => dispute.ask_and_reveal(node, hash, path),
            Finding::FalseStep {
                step,
                before,
                leaf_after,
                after,
            } => {
                dispute.prove(step, before, (leaf_after, after));
                break;
            }
            found => panic!("the claim is false: {found:?}"),
        }
    }
    let challenger = Dave.to_account_id();
    let claim = dispute.id;
    dispute.send("settle", Call::settle { claim, challenger });
    dispute.spent
}

impl Dispute {
    fn begin(steps: u64) -> Self {
        let mut world = World::with_steps(STEPS);
        world.execute(|| {
            pallet_models::Versions::<Runtime>::mutate(VERSION, |version| {
                version.as_mut().unwrap().max_steps = steps.max(STEPS);
            });
            // A price by the step makes such a job dear.
            let price = assay_primitives::Price {
                per_job: world::PRICE.per_job,
                per_step: 0,
            };
            let bob = RuntimeOrigin::signed(Bob.to_account_id());
            assert_ok!(assay_runtime::Providers::set_offer(bob, VERSION, price, 8));
        });
        let job = world.assigned_job(INPUT);
        let (right, _) = run(STEPS, INPUT);
        let mut states = vec![[0xee; 32]; steps as usize + 1];
        states[0] = right[0];
        *states.last_mut().unwrap() = *right.last().unwrap();
        let id = trace_of_bob(job);
        let tree = TraceTree::new(id, &states);
        let claim = falsely_claimed(id, &states, &tree);
        world.execute(|| submit_claim(job, claim));
        let trace = Trace {
            id,
            steps,
            root: tree.root(),
        };
        Self {
            world,
            id: ClaimId { job, attempt: 0 },
            trace,
            tree,
            right,
            spent: Vec::new(),
        }
    }

    fn ask_and_reveal(&mut self, node: NodeId, hash: StateHash, path: Vec<StateHash>) {
        let hashes = |hashes: Vec<StateHash>| hashes.into_iter().map(Hash::from).collect::<Vec<_>>();
        let claim = self.id;
        let shown = hashes(self.tree.reveal(node).unwrap());
        let (hash, path) = (Hash::from(hash), hashes(path).try_into().unwrap());
        self.send(
            "ask",
            Call::ask {
                claim,
                node,
                hash,
                path,
            },
        );
        let hashes = shown.try_into().unwrap();
        self.send("reveal", Call::reveal { claim, node, hashes });
    }

    fn prove(&mut self, step: u64, before: Vec<StateHash>, after: (StateHash, Vec<StateHash>)) {
        let (executor, module) = program(STEPS);
        let mut machine = Machine::new(&params(), &[INPUT]);
        for _ in 0..step {
            machine.step(&executor, &module).unwrap();
        }
        let proof = FraudProof::record(&mut machine, &executor, &module, before, after).unwrap();
        let claim = self.id;
        self.send("prove_fraud", Call::prove_fraud { claim, proof });
    }

    /// Dave's transaction, in a block of its own.
    fn send(&mut self, name: &'static str, call: Call<Runtime>) {
        let call = RuntimeCall::from(call);
        let bytes = call.encoded_size() + ENVELOPE;
        let info = call.get_dispatch_info();
        let done = self
            .world
            .execute(|| call.dispatch(RuntimeOrigin::signed(Dave.to_account_id())));
        let weight = done.unwrap().actual_weight.unwrap_or(info.call_weight);
        self.spent.push(Spent { name, bytes, weight });
        self.world.next_block();
    }
}

/// The claim of a run that would take as many steps as there are `states`, and end as the honest one does.
fn falsely_claimed(id: TraceId, states: &[StateHash], tree: &TraceTree) -> Claim {
    let (right, mut machine) = run(STEPS, INPUT);
    let claim = Claim::new(id, &right, &mut machine).unwrap();
    let steps = states.len() as u64 - 1;
    let opening = if steps <= MAX_PUBLIC_STEPS {
        Opening::Whole(id.leaves(states).collect())
    } else {
        Opening::Ends {
            first: tree.path(0),
            last: tree.path(steps),
        }
    };
    Claim {
        steps,
        trace_root: tree.root(),
        opening,
        ..claim
    }
}

/// What the node's off-chain database has of a trace.
fn shown(steps: u64, node: NodeId, hash: &StateHash) -> Option<Vec<StateHash>> {
    let key = shown_key(steps, node, hash);
    let shown = sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, &key)?;
    Vec::decode(&mut &shown[..]).ok()
}
