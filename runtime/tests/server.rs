//! The off-chain worker with a compute server beside the node, in the real runtime.

mod world;

use assay_engine::{
    claim::Claim, fraud::FraudProof, memory::Region, trace::TraceId, Hash as StateHash, Machine,
};
use assay_primitives::JobId;
use assay_runtime::{constants::UNIT, AccountId, Balances, Runtime};
use assay_service::{
    segment_path, Ask, Question, Refusal, Reply, Server, Source, Work, ASK_PATH, PROGRAM_PATH, SERVER_KEY,
};
use codec::{Decode, Encode};
use frame_support::traits::fungible::Mutate;
use pallet_jobs::JobState;
use sp_core::{crypto::Pair, offchain::StorageKind};
use std::sync::{Arc, Mutex};
use world::{adder, network::HttpResponse, params, program, run, submit_claim, trace_of_bob, World, VERSION};

const URL: &str = "http://127.0.0.1:9955";
const TOKEN: &str = "a secret";
const OK: u16 = 200;
/// Steps of a hidden trace.
const LONG: u64 = 100;

/// Names the server to the node.
fn configure(world: &mut World) {
    let server = Server {
        url: URL.into(),
        token: TOKEN.into(),
    };
    world.execute(|| {
        sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, SERVER_KEY, &server.encode())
    });
}

/// A world with a server that replies to questions by `reply`.
fn served(steps: u64, mut reply: impl FnMut(Ask) -> Reply + Send + 'static) -> World {
    let mut world = World::with_steps(steps).with_key("//Worker");
    configure(&mut world);
    world.clock.network.answer_by(move |request| {
        assert_eq!(request.url, format!("{URL}{ASK_PATH}"));
        let ask = Ask::decode(&mut &*request.body).unwrap();
        Some((OK, reply(ask).encode()))
    });
    world
}

fn id_of(author: [u8; 32], job: JobId) -> TraceId {
    TraceId { author, job }
}

/// What an honest server replies.
fn honest(ask: &Ask, steps: u64) -> Reply {
    let (states, machine) = run(steps, ask.run.input[0]);
    truth(ask, steps, states, machine)
}

fn truth(ask: &Ask, steps: u64, states: Vec<StateHash>, mut machine: Machine) -> Reply {
    match ask.question {
        Question::Claim { author, job } => {
            Reply::Claim(Claim::new(id_of(author, job), &states, &mut machine).unwrap())
        }
        Question::States => Reply::States(states),
        Question::Witness { step } => Reply::Witness(witness(steps, ask.run.input[0], step)),
        Question::Chunk { .. } => panic!("nobody asked for a chunk"),
    }
}

/// What an honest server replies to a question for a chunk.
fn chunk_of_params(chunk: u32) -> Reply {
    let mut machine = Machine::new(&params(), &[]);
    Reply::Chunk(machine.memory().prove(&[chunk].into()).unwrap())
}

fn witness(steps: u64, number: u8, step: u64) -> assay_engine::witness::StepWitness {
    let (executor, module) = program(steps);
    let mut machine = Machine::new(&params(), &[number]);
    for _ in 0..step {
        machine.step(&executor, &module).unwrap();
    }
    FraudProof::record(&mut machine, &executor, &module, vec![], Default::default())
        .unwrap()
        .witness
}

fn state_of(world: &mut World, job: JobId) -> JobState<AccountId, u128, u32> {
    world.execute(|| pallet_jobs::Jobs::<Runtime>::get(job).unwrap().state)
}

/// Lets the worker work when the job's deadline is near.
fn work_late(world: &mut World, job: JobId) {
    let JobState::Assigned { deadline, .. } = state_of(world, job) else {
        panic!("it is assigned");
    };
    while world.block < deadline - 4 {
        world.next_block();
    }
    world.work();
}

/// The worker finds that the server's answer does not hold, and claims by its own run.
fn refuses_the_answer_and_runs(world: &mut World, what: &str) {
    let job = world.assigned_job(4);
    world.work();
    assert!(
        world.logged("what the compute server answers does not hold"),
        "{what}"
    );
    assert_eq!(world.apply_pool(), 1, "{what}");
    assert_eq!(world.output(job), Some(vec![102]), "{what}");
}

/// The chain has never seen the params.
fn make_external(world: &mut World) {
    world.execute(|| {
        pallet_models::Versions::<Runtime>::mutate(VERSION, |version| {
            version.as_mut().unwrap().params = None
        });
        pallet_models::Details::<Runtime>::mutate(VERSION, |details| {
            let location = b"https://example.org/params".to_vec().try_into().unwrap();
            details.as_mut().unwrap().locations = vec![location].try_into().unwrap();
        });
    });
}

#[test]
fn server_gets_what_it_lacks_and_its_claim_is_submitted() {
    let mut world = World::new();
    configure(&mut world);
    let paths = Arc::new(Mutex::new(Vec::new()));
    let seen = paths.clone();
    world.clock.network.answer_by(move |request| {
        assert_eq!(
            request.headers,
            [("authorization".into(), format!("Bearer {TOKEN}"))]
        );
        let path = request.url.strip_prefix(URL).unwrap().to_string();
        let mut seen = seen.lock().unwrap();
        seen.push(format!("{} {path}", request.method));
        match (path.as_str(), seen.len()) {
            (ASK_PATH, 1) => Some((OK, Reply::SendProgram.encode())),
            (ASK_PATH, 3) => Some((OK, Reply::SendSegments(0).encode())),
            (ASK_PATH, _) => Some((OK, honest(&Ask::decode(&mut &*request.body).unwrap(), 3).encode())),
            (PROGRAM_PATH, _) => {
                assert_eq!(request.body, adder(3));
                Some((OK, vec![]))
            }
            (_, number) => {
                assert_eq!(request.body.len(), if number == 4 { 262_144 } else { 1 });
                Some((OK, vec![]))
            }
        }
    });
    let job = world.assigned_job(4);
    world.work();
    let root = world.execute(|| {
        pallet_models::Versions::<Runtime>::get(VERSION)
            .unwrap()
            .params_root
    });
    let segment = |index| format!("PUT {}", segment_path(&root.0, 262_145, index));
    let ask = format!("POST {ASK_PATH}");
    let expected = [
        ask.clone(),
        format!("PUT {PROGRAM_PATH}"),
        ask.clone(),
        segment(0),
        segment(1),
        ask,
    ];
    assert_eq!(*paths.lock().unwrap(), expected);
    assert!(!world.logged("running version"), "the worker itself runs nothing");
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
}

#[test]
fn hidden_trace_is_kept_before_it_is_claimed_and_shown_without_the_server() {
    let mut world = served(LONG, |ask| honest(&ask, LONG));
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    world.clock.network.be_silent();
    world.next_block();
    world.execute(|| {
        use assay_primitives::ClaimId;
        use assay_runtime::{Disputes, RuntimeOrigin};
        use frame_support::assert_ok;
        let dave = RuntimeOrigin::signed(sp_keyring::Sr25519Keyring::Dave.to_account_id());
        let claim = ClaimId { job, attempt: 0 };
        assert_ok!(Disputes::challenge(dave.clone(), claim));
        let JobState::Claimed { claim: summary, .. } = pallet_jobs::Jobs::<Runtime>::get(job).unwrap().state
        else {
            panic!("it is claimed");
        };
        let root = assay_engine::trace::NodeId::root(LONG);
        assert_ok!(Disputes::ask(
            dave,
            claim,
            root,
            summary.trace_root,
            Default::default()
        ));
    });
    world.work();
    assert!(world.logged("revealing what is below 0 of height 7"));
    assert_eq!(world.apply_pool(), 1);
}

#[test]
fn worker_runs_by_itself_while_the_server_is_away_and_says_so_once() {
    let mut world = World::new();
    configure(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("compute server http://127.0.0.1:9955: the compute server does not answer"));
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
    let other = world.assigned_job(5);
    world.work();
    assert!(!world.logged("compute server"));
    world.apply_pool();
    assert_eq!(world.output(other), Some(vec![105]));

    world
        .clock
        .network
        .answer_by(|request| Some((OK, honest(&Ask::decode(&mut &*request.body).unwrap(), 3).encode())));
    world.assigned_job(6);
    world.work();
    assert!(world.logged("compute server http://127.0.0.1:9955: answers"));
}

#[test]
fn job_waits_while_the_server_is_at_it() {
    let steps = Arc::new(Mutex::new(0));
    let counted = steps.clone();
    let mut world = served(3, move |ask| {
        let mut asked = counted.lock().unwrap();
        *asked += 1;
        assert_eq!(ask.wait, 1_500);
        match *asked {
            1 => Reply::Working(Work::Running(1)),
            _ => honest(&ask, 3),
        }
    });
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.submitted(), 0);
    world.next_block();
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
}

#[test]
fn worker_has_most_of_its_time_where_the_server_takes_a_question_and_says_nothing() {
    let mut world = World::with_steps(LONG).with_key("//Worker");
    configure(&mut world);
    world.clock.network.hang();
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("the compute server does not answer"));
    assert_eq!(world.apply_pool(), 1);
    assert!(matches!(state_of(&mut world, job), JobState::Claimed { .. }));
}

#[test]
fn every_job_has_its_turn_while_the_server_is_at_others() {
    let asked = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let (seen, clock) = (asked.clone(), Arc::new(Mutex::new(world::Clock::default())));
    let its_clock = clock.clone();
    let mut world = served(3, move |ask| {
        seen.lock().unwrap().insert(ask.run.input[0]);
        its_clock.lock().unwrap().pass(ask.wait.into());
        Reply::Working(Work::Running(1))
    });
    *clock.lock().unwrap() = world.clock.clone();
    for number in 0..8 {
        world.assigned_job(number);
    }
    world.work();
    assert!((6..8).contains(&asked.lock().unwrap().len()));
    for _ in 0..2 {
        world.next_block();
        world.work();
    }
    assert_eq!(asked.lock().unwrap().len(), 8);
}

#[test]
fn job_for_which_the_server_has_no_time_is_run_by_the_worker_or_given_back() {
    for (is_external, work) in [
        (false, Work::Queued),
        (false, Work::Running(1)),
        (false, Work::Fetching(1)),
        (true, Work::Queued),
    ] {
        let mut world = served(3, move |_| Reply::Working(work));
        if is_external {
            make_external(&mut world);
        }
        let job = world.assigned_job(4);
        world.work();
        assert_eq!(world.submitted(), 0);
        work_late(&mut world, job);
        assert_eq!(world.apply_pool(), 1);
        match state_of(&mut world, job) {
            JobState::Claimed { .. } => assert!(!is_external, "{work:?}"),
            JobState::Queued { .. } => assert!(is_external, "{work:?}"),
            state => panic!("{work:?}: {state:?}"),
        }
    }
}

#[test]
fn server_that_wants_what_it_has_is_not_asked_again_in_this_block() {
    for reply in [Reply::SendSegments(2), Reply::SendSegments(0), Reply::SendProgram] {
        let mut world = World::new();
        configure(&mut world);
        world.clock.network.answer_by(move |request| {
            let is_ask = request.url.ends_with(ASK_PATH);
            Some((OK, if is_ask { reply.encode() } else { vec![] }))
        });
        refuses_the_answer_and_runs(&mut world, "wants it again");
    }
}

#[test]
fn claim_that_the_chain_finds_too_large_is_not_kept() {
    let mut world = served(3, |ask| {
        let (states, mut machine) = run(3, ask.run.input[0]);
        let params = (0..5).map(|chunk| Region::Params.first_chunk() + chunk);
        let chunks = params.chain([Region::Output.first_chunk()]).collect();
        let output = machine.memory().prove(&chunks).unwrap();
        let Reply::Claim(claim) = truth(&ask, 3, states, machine) else {
            panic!("it is asked for a claim");
        };
        Reply::Claim(Claim { output, ..claim })
    });
    refuses_the_answer_and_runs(&mut world, "a claim that is too large");
}

#[test]
fn answer_that_does_not_hold_is_not_signed_and_the_worker_runs_by_itself() {
    let other_job = |ask: &Ask| match ask.question {
        Question::Claim { author, job } => {
            let question = Question::Claim { author, job: job + 1 };
            honest(
                &Ask {
                    question,
                    ..ask.clone()
                },
                3,
            )
        }
        _ => unreachable!(),
    };
    type Answer = fn(&Ask) -> Reply;
    let answers: [(&str, Answer); 3] = [
        ("a claim for another job", other_job),
        ("the state hashes", |ask| {
            honest(
                &Ask {
                    question: Question::States,
                    ..ask.clone()
                },
                3,
            )
        }),
        ("another input's claim", |ask| {
            let (states, machine) = run(3, 99);
            truth(ask, 3, states, machine)
        }),
    ];
    for (what, answer) in answers {
        let mut world = served(3, move |ask| answer(&ask));
        refuses_the_answer_and_runs(&mut world, what);
    }
}

#[test]
fn trace_that_is_not_the_claims_is_not_kept_and_nothing_is_claimed_by_it() {
    let mut world = served(LONG, |ask| match ask.question {
        Question::States => {
            let (mut states, _) = run(LONG, 4);
            states[50][0] ^= 1;
            Reply::States(states)
        }
        _ => honest(&ask, LONG),
    });
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("does not hold"));
    // By its own run.
    assert_eq!(world.apply_pool(), 1);
    assert!(matches!(state_of(&mut world, job), JobState::Claimed { .. }));
}

#[test]
fn malformed_and_refused_responses_leave_the_run_to_the_worker() {
    type Response = fn() -> HttpResponse;
    let responses: [(&str, Response); 5] = [
        ("does not hold", || Some((OK, vec![]))),
        ("does not hold", || Some((OK, vec![0xff; 100]))),
        ("does not hold", || Some((OK, vec![1; 10 << 20]))),
        ("has another token", || Some((401, vec![]))),
        ("HTTP status 500", || Some((500, vec![]))),
    ];
    for (text, response) in responses {
        let mut world = World::new();
        configure(&mut world);
        world.clock.network.answer_by(move |_| response());
        let job = world.assigned_job(4);
        world.work();
        assert!(world.logged(text), "{text}");
        assert_eq!(world.apply_pool(), 1);
        assert_eq!(world.output(job), Some(vec![102]));
    }
}

#[test]
fn external_params_are_asked_for_by_their_locations() {
    let mut world = served(3, |ask| {
        assert_eq!(
            ask.source,
            Source::Locations(vec!["https://example.org/params".into()])
        );
        honest(&ask, 3)
    });
    make_external(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
}

#[test]
fn job_of_external_params_waits_for_a_server_that_is_away_and_is_given_back_when_it_gets_late() {
    let mut world = World::new();
    configure(&mut world);
    make_external(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("job 0: not taken: the compute server does not answer"));
    assert_eq!(world.submitted(), 0);
    work_late(&mut world, job);
    assert!(world.logged("job 0: given back"));
    assert_eq!(world.apply_pool(), 1);
    assert!(matches!(state_of(&mut world, job), JobState::Queued { .. }));
}

#[test]
fn job_of_params_that_take_too_long_is_given_back_in_time() {
    let mut world = served(3, |_| Reply::Working(Work::Fetching(5)));
    make_external(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("job 0: not taken: the compute server fetches its params, it waits"));
    assert_eq!(world.submitted(), 0);
    work_late(&mut world, job);
    assert_eq!(world.apply_pool(), 1);
    assert!(matches!(state_of(&mut world, job), JobState::Queued { .. }));
}

#[test]
fn job_waits_while_the_server_reads_what_the_node_sent_it() {
    let mut world = served(3, |_| Reply::Working(Work::Fetching(5)));
    world.assigned_job(4);
    world.work();
    assert_eq!(world.submitted(), 0);
    assert!(!world.logged("running version"));
}

#[test]
fn job_of_params_that_the_server_cannot_have_is_given_back_at_once() {
    let mut world = served(3, |_| Reply::Refused(Refusal::NoParams));
    make_external(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert!(world.logged("job 0: given back: the compute server refuses: it cannot have the params"));
    assert_eq!(world.apply_pool(), 1);
    assert!(matches!(state_of(&mut world, job), JobState::Queued { .. }));
}

/// Eve asks for a chunk of the version's params.
fn ask_for(world: &mut World, chunk: u32) {
    use assay_runtime::{Models, RuntimeOrigin};
    let eve = RuntimeOrigin::signed(sp_keyring::Sr25519Keyring::Eve.to_account_id());
    let asked = world.execute(|| Models::ask_chunk(eve, VERSION, chunk));
    frame_support::assert_ok!(asked);
}

fn asked_for(world: &mut World) -> usize {
    world.execute(|| pallet_models::ChunkRequests::<Runtime>::get(VERSION).len())
}

/// Gives the worker's account something to pay fees with, which come back.
fn fund_worker(world: &mut World) {
    let account = AccountId::from(<[u8; 32]>::from(sp_core::sr25519::Public::from(
        world::worker().public(),
    )));
    world
        .execute(|| Balances::mint_into(&account, 10 * UNIT))
        .unwrap();
}

#[test]
fn chunks_that_somebody_asks_for_are_shown_once_and_the_job_is_paid() {
    let mut world = served(3, |ask| match ask.question {
        Question::Chunk { chunk } => chunk_of_params(chunk),
        _ => honest(&ask, 3),
    });
    make_external(&mut world);
    fund_worker(&mut world);
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    world.next_block();
    // The latter is behind the end of the params.
    for chunk in [1, 100_000] {
        ask_for(&mut world, chunk);
    }
    world.work();
    assert!(world.logged("version 0: showing chunk 1 of its params"));
    world.work();
    assert_eq!(world.submitted(), 2, "each is shown once");
    assert_eq!(world.apply_pool(), 2);
    assert_eq!(asked_for(&mut world), 0);
    while world.execute(|| pallet_jobs::Jobs::<Runtime>::contains_key(job)) {
        world.next_block();
    }
    let receipt = world.execute(|| pallet_jobs::Receipts::<Runtime>::get(job).unwrap());
    assert_eq!(receipt.outcome, assay_primitives::JobOutcome::Answered);
}

#[test]
fn sixteen_chunks_are_shown_in_a_block_those_first_that_were_asked_for_first() {
    let mut world = served(3, |ask| match ask.question {
        Question::Chunk { chunk } => chunk_of_params(chunk),
        _ => panic!("there is no job"),
    });
    make_external(&mut world);
    fund_worker(&mut world);
    ask_for(&mut world, 100);
    world.next_block();
    for chunk in 0..16 {
        ask_for(&mut world, chunk);
    }
    world.work();
    assert_eq!(world.apply_pool(), 16);
    let left = world.execute(|| pallet_models::ChunkRequests::<Runtime>::get(VERSION));
    assert_eq!(left.iter().map(|request| request.chunk).collect::<Vec<_>>(), [15]);
    world.next_block();
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(asked_for(&mut world), 0);
}

#[test]
fn chunk_that_is_another_one_is_not_shown_and_is_asked_for_again_later() {
    let mut world = served(3, |_| chunk_of_params(7));
    make_external(&mut world);
    fund_worker(&mut world);
    ask_for(&mut world, 1);
    world.work();
    assert!(world.logged("chunk 1 of its params is not shown: what the compute server answers does not hold"));
    world.work();
    assert!(!world.logged("is not shown"));
    world.clock.pass(10_000);
    world.work();
    assert!(world.logged("is not shown"));
    assert_eq!(world.submitted(), 0);
    assert_eq!(asked_for(&mut world), 1);
}

/// A chain on which Bob claims another answer, and a watcher's node with a server.
fn watched(reply: impl FnMut(Ask) -> Reply + Send + 'static) -> (World, JobId) {
    let mut world = World::with_steps(3).with_key("//Watcher");
    configure(&mut world);
    let mut reply = reply;
    world
        .clock
        .network
        .answer_by(move |request| Some((OK, reply(Ask::decode(&mut &*request.body).unwrap()).encode())));
    let pair = assay_primitives::worker_key::WorkerPair::from_string("//Watcher", None).unwrap();
    let account = AccountId::from(<[u8; 32]>::from(sp_core::sr25519::Public::from(pair.public())));
    world
        .execute(|| Balances::mint_into(&account, 1_000 * UNIT))
        .unwrap();
    let job = world.assigned_job(4);
    let (mut states, mut machine) = run(3, 4);
    machine.memory().write(Region::Output.start(), &[99]).unwrap();
    *states.last_mut().unwrap() = machine.state_hash();
    let claim = Claim::new(trace_of_bob(job), &states, &mut machine).unwrap();
    world.execute(|| submit_claim(job, claim));
    (world, job)
}

fn moves(world: &mut World, blocks: u32) -> usize {
    let mut submitted = 0;
    for _ in 0..blocks {
        world.work();
        world.next_block();
        world.clock.pass(6_000);
        submitted += world.apply_pool();
    }
    submitted
}

#[test]
fn watcher_proves_a_false_step_by_what_its_server_gives() {
    let (mut world, job) = watched(|ask| honest(&ask, 3));
    assert_eq!(moves(&mut world, 2), 2, "a challenge, then a proof");
    assert!(!world.logged("running version"));
    assert!(!matches!(state_of(&mut world, job), JobState::Claimed { .. }));
}

#[test]
fn watcher_accuses_nobody_by_a_witness_or_a_trace_that_is_wrong() {
    let wrong_witness = |ask: Ask| match ask.question {
        Question::Witness { .. } => Reply::Witness(witness(3, 5, 2)),
        _ => honest(&ask, 3),
    };
    let (mut world, job) = watched(wrong_witness);
    world.work();
    assert_eq!(world.submitted(), 0);
    assert!(world.logged("what this node kept of its own run is damaged, so that it accuses nobody"));
    assert!(matches!(state_of(&mut world, job), JobState::Claimed { .. }));

    let wrong_start = |ask: Ask| match ask.question {
        Question::States => Reply::States(run(3, 5).0),
        _ => honest(&ask, 3),
    };
    let (mut world, _) = watched(wrong_start);
    world.work();
    assert!(world.logged("what the compute server answers does not hold"));
}
