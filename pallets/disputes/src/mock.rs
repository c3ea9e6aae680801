//! A runtime with this pallet and claims that a test makes, and helpers for its tests.

use crate::*;
use assay_engine::{
    fraud::{FraudProof, Trace},
    limits::ENGINE_VERSION,
    search::{Finding, Search},
    trace::{NodeId, TraceId, TraceTree},
    Executor, Hash, Machine, Program, WasmiExecutor,
};
use assay_primitives::{ClaimId, Claims, DisputeTerms, DisputedClaim, Programs};
use frame_support::{
    assert_ok, derive_impl, parameter_types,
    traits::{
        fungible::{Inspect, InspectHold},
        Authorize, Hooks,
    },
    weights::{Weight, WeightMeter},
};
use sp_core::{
    offchain::{testing::TestOffchainExt, OffchainDbExt},
    H256,
};
use sp_runtime::{
    traits::{Dispatchable, IdentityLookup},
    transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
    AccountId32, BuildStorage, DispatchError, DispatchResult, Perbill,
};
use std::{cell::RefCell, collections::BTreeMap};

pub type Block = frame_system::mocking::MockBlock<Test>;
pub type Balance = u128;
pub type AccountId = AccountId32;

/// Claims.
pub const PAUL: AccountId = AccountId::new([4; 32]);
/// Challenges.
pub const CAROL: AccountId = AccountId::new([7; 32]);
/// Challenges, too.
pub const CHRIS: AccountId = AccountId::new([8; 32]);
/// Challenges nothing, and may prove.
pub const DAVE: AccountId = AccountId::new([9; 32]);
/// Has nothing.
pub const NOBODY: AccountId = AccountId::new([10; 32]);
pub const EVERYBODY: [AccountId; 4] = [PAUL, CAROL, CHRIS, DAVE];

pub const FUNDS: Balance = 1_000_000;
pub const BOND: Balance = 1_001;
/// What of a lost bond is burnt: a fifth, rounded up.
pub const BURNT: Balance = 201;
/// The last block in which the claims of tests can be challenged.
pub const WINDOW_END: u64 = 10;
pub const MOVE: u64 = 3;
pub const REVEAL: u64 = 4;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system::Pallet<Test>;
    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances::Pallet<Test>;
    #[runtime::pallet_index(2)]
    pub type Disputes = crate::Pallet<Test>;
}

parameter_types! {
    pub BlockWeights: frame_system::limits::BlockWeights = frame_system::limits::BlockWeights::with_sensible_defaults(
        Weight::from_parts(2_000_000_000_000, 10 * 1024 * 1024),
        Perbill::from_percent(75),
    );
    pub const ExistentialDeposit: Balance = 1;
    pub static MaxDuePerBlock: u32 = 16;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type BlockWeights = BlockWeights;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ExistentialDeposit;
    type AccountStore = System;
}

impl Config for Test {
    type Fungible = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Claims = TestClaims;
    type Programs = TestPrograms;
    type MaxDuePerBlock = MaxDuePerBlock;
    type WeightInfo = weights::SubstrateWeight<Test>;
}

/// A claim as a test made it.
#[derive(Clone)]
pub struct TestClaim {
    pub claim: DisputedClaim<AccountId, Balance, u64>,
    pub window_end: u64,
    pub holds: u32,
    /// Who is rewarded, once it is judged.
    pub judged: Option<AccountId>,
}

thread_local! {
    pub static CLAIMS: RefCell<BTreeMap<ClaimId, TestClaim>> = Default::default();
    pub static PROGRAMS: RefCell<BTreeMap<H256, Vec<u8>>> = Default::default();
}

pub struct TestClaims;

impl TestClaims {
    fn open(id: ClaimId) -> Option<TestClaim> {
        let claim = CLAIMS.with_borrow(|claims| claims.get(&id).cloned())?;
        let open = claim.holds > 0 || System::block_number() <= claim.window_end;
        (open && claim.judged.is_none()).then_some(claim)
    }

    fn change(id: ClaimId, change: impl FnOnce(&mut TestClaim)) -> DispatchResult {
        Self::open(id).ok_or(DispatchError::Other("no such claim"))?;
        CLAIMS.with_borrow_mut(|claims| change(claims.get_mut(&id).expect("just seen")));
        Ok(())
    }
}

impl Claims<AccountId, Balance, u64> for TestClaims {
    fn disputed(id: ClaimId) -> Option<DisputedClaim<AccountId, Balance, u64>> {
        Self::open(id).map(|claim| claim.claim)
    }

    fn hold(id: ClaimId) -> DispatchResult {
        let claim = Self::open(id).ok_or(DispatchError::Other("no such claim"))?;
        if System::block_number() > claim.window_end {
            return Err(DispatchError::Other("window closed"));
        }
        Self::change(id, |claim| claim.holds += 1)
    }

    fn unhold(id: ClaimId) -> DispatchResult {
        Self::change(id, |claim| claim.holds -= 1)
    }

    fn holds(id: ClaimId) -> u32 {
        Self::open(id).map_or(0, |claim| claim.holds)
    }

    fn disprove(id: ClaimId, challenger: &AccountId) -> DispatchResult {
        Self::change(id, |claim| claim.judged = Some(challenger.clone()))
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_claim(program: H256, steps: u64, root: &dyn Fn(&AccountId, u64) -> H256) -> ClaimId {
        let id = ClaimId { job: 0, attempt: 0 };
        insert_claim(id, program, steps, root(&PAUL, 0));
        id
    }
}

pub struct TestPrograms;

impl Programs for TestPrograms {
    fn code(program: H256) -> Option<Vec<u8>> {
        PROGRAMS.with_borrow(|programs| programs.get(&program).cloned())
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_program(_: u32) -> H256 {
        let text = r#"(module (import "assay" "halt" (func $halt (param i64))) (memory (export "memory") 1 1)
            (func (export "step") (param i64) (result i64) (call $halt (i64.const 0)) (i64.const 0)))"#;
        insert_program(wat::parse_str(text).expect("well formed"))
    }
}

fn insert_program(code: Vec<u8>) -> H256 {
    let hash = H256(Program::from_checked(code.clone()).hash());
    PROGRAMS.with_borrow_mut(|programs| programs.insert(hash, code));
    hash
}

/// The rules in tests.
pub fn terms() -> DisputeTerms<Balance, u64> {
    DisputeTerms {
        bond: BOND,
        burn_share: Perbill::from_percent(20),
        move_time: MOVE,
        reveal_time: REVEAL,
    }
}

pub fn insert_claim(id: ClaimId, program: H256, steps: u64, root: H256) {
    let claim = TestClaim {
        claim: DisputedClaim {
            provider: PAUL,
            version: 0,
            engine_version: ENGINE_VERSION,
            program,
            steps,
            trace_root: root,
            terms: terms(),
        },
        window_end: WINDOW_END,
        holds: 0,
        judged: None,
    };
    CLAIMS.with_borrow_mut(|claims| claims.insert(id, claim));
}

/// A run of a program that counts, and a trace of it that may be false.
#[derive(Clone)]
pub struct Trial {
    pub id: ClaimId,
    pub steps: u64,
    /// The tree that the provider committed to.
    pub tree: TraceTree,
    states: Vec<Hash>,
    machines: Vec<Machine>,
}

const COUNTER: &str = include_str!("../../../engine/tests/programs/counter.wat");

thread_local! {
    static EXECUTOR: (WasmiExecutor, Program, <WasmiExecutor as Executor>::Module) = {
        let executor = WasmiExecutor::new();
        let program = Program::new(wat::parse_str(COUNTER).expect("well formed")).expect("keeps the rules");
        let module = executor.load(&program).expect("compiles");
        (executor, program, module)
    };
    static RUNS: RefCell<BTreeMap<u64, Run>> = Default::default();
}

/// The state hashes of a run, and the machine at each.
type Run = (Vec<Hash>, Vec<Machine>);

/// The run of so many steps.
fn run(steps: u64) -> Run {
    let compute = || {
        EXECUTOR.with(|(executor, _, module)| {
            let steps = u32::try_from(steps).expect("few");
            let mut machine = Machine::new(&[], &steps.to_le_bytes());
            let (mut states, mut machines) = (vec![], vec![]);
            loop {
                states.push(machine.state_hash());
                machines.push(machine.clone());
                if machine.step(executor, module).expect("runs").is_none() {
                    return (states, machines);
                }
            }
        })
    };
    RUNS.with_borrow_mut(|runs| runs.entry(steps).or_insert_with(compute).clone())
}

/// The claim of `job` of a run of `steps` steps. It is false from the leaf `lie` on.
pub fn claim(job: u64, steps: u64, lie: Option<u64>) -> Trial {
    let id = ClaimId { job, attempt: 0 };
    let (states, machines) = run(steps);
    let trace_id = TraceId {
        author: PAUL.into(),
        job,
    };
    let mut leaves = trace_id.leaves(&states).collect::<Vec<_>>();
    if let Some(lie) = lie {
        for (index, leaf) in leaves.iter_mut().enumerate().skip(lie as usize) {
            *leaf = trace_id.leaf(index as u64, &[0xee; 32]);
        }
    }
    let tree = TraceTree::over(leaves);
    let program = EXECUTOR.with(|(_, program, _)| insert_program(program.code().to_vec()));
    insert_claim(id, program, steps, H256(tree.root()));
    Trial {
        id,
        steps,
        tree,
        states,
        machines,
    }
}

impl Trial {
    fn trace(&self) -> Trace {
        Trace {
            id: TraceId {
                author: PAUL.into(),
                job: self.id.job,
            },
            steps: self.steps,
            root: self.tree.root(),
        }
    }

    /// What one who ran the program and knows what was revealed does next.
    pub fn look(&self) -> Finding {
        let shown = |node, hash: &Hash| {
            let reveal = Reveals::<Test>::get(self.id, node).filter(|reveal| reveal.hash.0 == *hash)?;
            matches!(reveal.state, RevealState::Shown { .. })
                .then(|| self.tree.reveal(node).expect("is in the tree"))
        };
        Search::new(self.trace(), &self.states).find(shown)
    }

    /// A proof over `step`.
    pub fn proof(&self, step: u64) -> FraudProof {
        let after = NodeId::leaf(step + 1);
        let leaf_after = (
            self.tree.node(after).expect("is a leaf"),
            self.tree.path_of(after),
        );
        let mut machine = self.machines[step as usize].clone();
        EXECUTOR.with(|(executor, _, module)| {
            FraudProof::record(&mut machine, executor, module, self.tree.path(step), leaf_after)
                .expect("runs")
        })
    }

    /// Asks as `who` for `node`.
    pub fn ask(&self, who: &AccountId, node: NodeId) -> DispatchResult {
        let hash = H256(self.tree.node(node).unwrap_or_default());
        let path = self.tree.path_of(node).into_iter().map(H256).collect::<Vec<_>>();
        dispatch(
            who,
            Call::ask {
                claim: self.id,
                node,
                hash,
                path: path.try_into().expect("short"),
            },
        )
    }

    /// What a reveal of `node` shows.
    pub fn shown(&self, node: NodeId) -> Vec<H256> {
        let hashes = self.tree.reveal(node).expect("is in the tree");
        hashes.into_iter().map(H256).collect()
    }

    /// Reveals `node` as the provider's node does.
    pub fn reveal(&self, node: NodeId) -> Result<DispatchResult, TransactionValidityError> {
        let (_, result) = reveal(self.id, node, self.shown(node))?;
        Ok(result)
    }

    /// Proves, as `who`, the step that it finds to be false.
    pub fn prove(&self, who: &AccountId, step: u64) -> DispatchResult {
        let proof = self.proof(step);
        dispatch(
            who,
            Call::prove_fraud {
                claim: self.id,
                proof,
            },
        )
    }

    pub fn challenge(&self, who: &AccountId) -> DispatchResult {
        dispatch(who, Call::challenge { claim: self.id })
    }

    pub fn root(&self) -> NodeId {
        NodeId::root(self.steps)
    }

    pub fn settle(&self, challenger: &AccountId) -> DispatchResult {
        dispatch(
            &DAVE,
            Call::settle {
                claim: self.id,
                challenger: challenger.clone(),
            },
        )
    }

    /// Who was rewarded when the claim was judged.
    pub fn judged(&self) -> Option<AccountId> {
        CLAIMS.with_borrow(|claims| claims[&self.id].judged.clone())
    }

    pub fn holds(&self) -> u32 {
        CLAIMS.with_borrow(|claims| claims[&self.id].holds)
    }
}

/// Submits a reveal as the pool and the block do: first `authorize`, then the dispatch.
pub fn reveal(
    claim: ClaimId,
    node: NodeId,
    hashes: Vec<H256>,
) -> Result<(ValidTransaction, DispatchResult), TransactionValidityError> {
    let call = RuntimeCall::Disputes(Call::reveal {
        claim,
        node,
        hashes: hashes.try_into().expect("few"),
    });
    let (validity, _) = call
        .authorize(TransactionSource::External)
        .expect("reveals are authorized")?;
    let result = call.dispatch(frame_system::RawOrigin::Authorized.into());
    Ok((validity, result.map(|_| ()).map_err(|failed| failed.error)))
}

/// Builds the state in which a test starts, at block 1.
#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    pub fn build(self) -> sp_io::TestExternalities {
        let mut storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("the system's genesis builds");
        pallet_balances::GenesisConfig::<Test> {
            balances: EVERYBODY.into_iter().map(|who| (who, FUNDS)).collect(),
            ..Default::default()
        }
        .assimilate_storage(&mut storage)
        .expect("the balances' genesis builds");
        let mut ext = sp_io::TestExternalities::new(storage);
        let (offchain, _) = TestOffchainExt::new();
        ext.register_extension(OffchainDbExt::new(offchain));
        ext.execute_with(|| {
            MaxDuePerBlock::set(16);
            CLAIMS.take();
            System::set_block_number(1);
            poll(1);
        });
        ext
    }

    /// Runs `test` and checks the state that it leaves.
    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            check_state();
        });
    }
}

/// Checks the state, and that no money came from nowhere.
pub fn check_state() {
    assert_ok!(Disputes::do_try_state());
    for who in EVERYBODY {
        let challenges = Challenges::<Test>::iter().filter(|(_, challenger, _)| *challenger == who);
        assert_eq!(
            held(&who),
            challenges.map(|(.., challenge)| challenge.bond).sum::<Balance>()
        );
    }
}

/// Calls through dispatch, so that an error rolls back.
pub fn dispatch(who: &AccountId, call: impl Into<RuntimeCall>) -> DispatchResult {
    let result = call.into().dispatch(RuntimeOrigin::signed(who.clone()));
    result.map(|_| ()).map_err(|failed| failed.error)
}

/// Goes on to the start of `block`.
pub fn run_to(block: u64) {
    let hooks = frame_system::RunToBlockHooks::default().after_initialize(|now| {
        poll(now);
    });
    System::run_to_block_with::<AllPalletsWithSystem>(block, hooks);
}

/// What block `now` does after its inherents. Returns the weight.
pub fn poll(now: u64) -> Weight {
    let mut meter = WeightMeter::new();
    Disputes::on_poll(now, &mut meter);
    meter.consumed()
}

pub fn held(who: &AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::Bond.into(), who)
}

pub fn free(who: &AccountId) -> Balance {
    Balances::balance(who)
}

/// The events of this pallet so far, and forgets them.
pub fn events() -> Vec<Event<Test>> {
    let events = System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::Disputes(event) => Some(event),
            _ => None,
        })
        .collect();
    System::reset_events();
    events
}

/// The last event of this pallet.
pub fn last_event() -> Event<Test> {
    events().pop().expect("something happened")
}

/// How the challenges ended since the events were forgotten.
pub fn endings() -> Vec<(AccountId, Ending)> {
    let ended = |event| match event {
        Event::Ended {
            challenger, ending, ..
        } => Some((challenger, ending)),
        _ => None,
    };
    events().into_iter().filter_map(ended).collect()
}
