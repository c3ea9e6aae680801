//! The compute server: what it answers, what it fetches, and what it does with what is wrong.

mod assay;
mod web;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assay::{repository, Folder};
use assay_cli::serve::counts::{self, Counts};
use assay_cli::serve::http::Service;
use assay_cli::serve::library::{Library, Limits};
use assay_cli::serve::region::{chunk_hashes, region_root};
use assay_cli::serve::runs::Runs;
use assay_engine::claim::{ClaimTerms, Ending};
use assay_engine::limits::{CHUNK_LEN, ENGINE_VERSION, SEGMENT_LEN};
use assay_engine::memory::{MemoryTree, Region};
use assay_engine::trace::{TraceId, TraceTree};
use assay_engine::{Executor, Hash, Program, WasmiExecutor};
use assay_service::{Ask, ParamsRef, Question, Refusal, Reply, Run, Source, Work};
use web::Web;

const WAIT: u32 = 20_000;
const AUTHOR: [u8; 32] = [7; 32];
const JOB: u64 = 3;

/// Adds the first bytes of the second chunk of params and of the input, in each of `steps` steps, and answers with the sum.
fn adder(steps: u64) -> Vec<u8> {
    let text = r#"(module
        (import "assay" "read" (func $read (param i64 i32 i32)))
        (import "assay" "write" (func $write (param i64 i32 i32)))
        (import "assay" "halt" (func $halt (param i64)))
        (memory (export "memory") 1 1)
        (func (export "step") (param $pc i64) (result i64)
            (call $read (i64.const 4096) (i32.const 0) (i32.const 1))
            (call $read (i64.const 0x10000000000) (i32.const 1) (i32.const 1))
            (call $read (i64.const 0x30000000000) (i32.const 2) (i32.const 1))
            (i32.store8 (i32.const 2) (i32.add (i32.load8_u (i32.const 2))
                (i32.add (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const 1)))))
            (call $write (i64.const 0x30000000000) (i32.const 2) (i32.const 1))
            (if (i64.eq (local.get $pc) (i64.const LAST)) (then (call $halt (i64.const 1))))
            (i64.add (local.get $pc) (i64.const 1))))"#;
    wat::parse_str(text.replace("LAST", &(steps - 1).to_string())).unwrap()
}

/// 100 chunks and a bit; the byte that counts is 9.
fn params() -> Vec<u8> {
    let mut params = (0..100 * CHUNK_LEN + 5)
        .map(|byte| (byte % 251) as u8)
        .collect::<Vec<_>>();
    params[CHUNK_LEN] = 9;
    params
}

fn reference(params: &[u8]) -> ParamsRef {
    ParamsRef {
        root: region_root(&chunk_hashes(params)).unwrap(),
        len: params.len() as u64,
    }
}

fn list(params: &[u8]) -> Vec<u8> {
    chunk_hashes(params).concat()
}

const ROOM: Limits = Limits {
    disk: 1 << 30,
    memory: 1 << 30,
};

fn service_in(folder: &Path, limits: Limits, written_max: usize) -> Service {
    Service {
        library: Arc::new(Library::open(folder, limits).unwrap()),
        runs: Runs::start(2, None, written_max),
        token: "token".into(),
    }
}

fn service(folder: &Folder) -> Service {
    service_in(&folder.path("serve"), ROOM, 1 << 20)
}

/// A question about the run of a program on `params` and the input 4.
fn ask(code: &[u8], params: &[u8], question: Question) -> Ask {
    Ask {
        run: Run {
            engine: ENGINE_VERSION,
            program: Program::new(code.to_vec()).unwrap().hash(),
            params: reference(params),
            input: vec![4],
            max_steps: 1_000,
        },
        source: Source::Node,
        question,
        wait: WAIT,
    }
}

fn claim_question() -> Question {
    Question::claim(TraceId {
        author: AUTHOR,
        job: JOB,
    })
}

/// Gives a service a program and params as a node does.
fn provide(service: &Service, code: &[u8], params: &[u8]) {
    assert_eq!(
        service.answer(ask(code, params, Question::States)),
        Reply::SendProgram
    );
    service.library.put_program(code.to_vec()).unwrap();
    assert_eq!(
        service.answer(ask(code, params, Question::States)),
        Reply::SendSegments(0)
    );
    for (index, segment) in (0..).zip(params.chunks(SEGMENT_LEN)) {
        service
            .library
            .put_segment(reference(params), index, segment)
            .unwrap();
    }
}

fn states(reply: Reply) -> Vec<Hash> {
    match reply {
        Reply::States(states) => states,
        other => panic!("{other:?}"),
    }
}

#[test]
fn claim_states_and_witnesses_are_those_that_the_chain_expects() {
    for steps in [3, 80] {
        let folder = Folder::new(&format!("serve-answers-{steps}"));
        let (service, code, params) = (service(&folder), adder(steps), params());
        provide(&service, &code, &params);
        let Reply::Claim(claim) = service.answer(ask(&code, &params, claim_question())) else {
            panic!("no claim");
        };
        let terms = ClaimTerms {
            author: AUTHOR,
            job: JOB,
            params_root: reference(&params).root,
            params_len: params.len() as u64,
            input: &[4],
            max_steps: 1_000,
        };
        let sum = (13 * steps) as u8;
        assert_eq!(claim.verify(&terms), Ok(Ending::Answer(vec![sum])));

        let states = states(service.answer(ask(&code, &params, Question::States)));
        let id = TraceId {
            author: AUTHOR,
            job: JOB,
        };
        assert_eq!(TraceTree::new(id, &states).root(), claim.trace_root);

        let executor = WasmiExecutor::new();
        let module = executor.load(&Program::new(code.clone()).unwrap()).unwrap();
        for step in [0, steps / 2, steps - 1] {
            let Reply::Witness(witness) = service.answer(ask(&code, &params, Question::Witness { step }))
            else {
                panic!("no witness");
            };
            assert_eq!(witness.state.hash(), states[step as usize]);
            let after = witness.verify(&executor, &module).unwrap().unwrap();
            assert_eq!(after.hash(), states[step as usize + 1]);
        }
        // Behind the end a trace has nothing, and the witness of that is the last state.
        let behind = Question::Witness { step: steps };
        let Reply::Witness(witness) = service.answer(ask(&code, &params, behind)) else {
            panic!("no witness");
        };
        assert_eq!(witness.verify(&executor, &module), Ok(None));
        let beyond = Question::Witness { step: steps + 1 };
        assert_eq!(
            service.answer(ask(&code, &params, beyond)),
            Reply::Refused(Refusal::NoSuchStep)
        );
    }
}

#[test]
fn what_was_done_is_counted_and_prometheus_is_told() {
    let folder = Folder::new("serve-counts");
    let (web, params) = (Web::new(), params());
    web.put("/p", &params);
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    assert_eq!(service.runs.counts(), Counts::default());
    assert_eq!(states(service.answer(ask.clone())).len(), 4);
    for (step, is_there) in [(2, true), (5, false)] {
        let mut ask = ask.clone();
        ask.question = Question::Witness { step };
        assert_eq!(matches!(service.answer(ask), Reply::Witness(_)), is_there);
    }
    let counts = service.runs.counts();
    assert_eq!((counts.traces, counts.witnesses, counts.refused), (1, 1, 1));
    assert_eq!((counts.steps, counts.queued, counts.running), (3 + 2, 0, 0));
    let bytes = service.library.bytes();
    assert_eq!(bytes.fetched, params.len() as u64);
    // The file, and nothing else.
    assert_eq!(bytes.kept, params.len() as u64);
    let text = counts::text(&counts, &bytes);
    assert!(
        text.contains("assay_serve_runs_total{result=\"witness\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains(&format!("assay_serve_fetched_bytes_total {}\n", params.len())),
        "{text}"
    );
}

#[test]
fn claims_of_traps_and_of_unfinished_runs_hold() {
    let folder = Folder::new("serve-endings");
    let service = service(&folder);
    let trap = wat::parse_str(
        r#"(module (memory (export "memory") 1 1)
            (func (export "step") (param $pc i64) (result i64)
                (if (i64.eq (local.get $pc) (i64.const 2)) (then unreachable))
                (i64.add (local.get $pc) (i64.const 1))))"#,
    );
    let endless = wat::parse_str(
        r#"(module (memory (export "memory") 1 1)
            (func (export "step") (param $pc i64) (result i64) (i64.add (local.get $pc) (i64.const 1))))"#,
    );
    for (code, steps) in [(trap.unwrap(), 3), (endless.unwrap(), 1_000)] {
        service.library.put_program(code.clone()).unwrap();
        let Reply::Claim(claim) = service.answer(ask(&code, &[], claim_question())) else {
            panic!("no claim");
        };
        let terms = ClaimTerms {
            author: AUTHOR,
            job: JOB,
            params_root: reference(&[]).root,
            params_len: 0,
            input: &[4],
            max_steps: 1_000,
        };
        let ending = claim.verify(&terms).unwrap();
        assert_eq!(matches!(ending, Ending::Trapped(_)), steps == 3, "{ending:?}");
        assert_eq!(claim.steps, steps);
    }
}

#[test]
fn what_a_server_cannot_do_is_refused_by_name() {
    let folder = Folder::new("serve-refusals");
    let service = service_in(&folder.path("serve"), ROOM, 2 * CHUNK_LEN);
    let code = adder(3);
    let mut other_engine = ask(&code, &[], Question::States);
    other_engine.run.engine = 9;
    assert_eq!(
        service.answer(other_engine),
        Reply::Refused(Refusal::OtherEngine(ENGINE_VERSION))
    );
    assert!(service.library.put_program(b"no program".to_vec()).is_err());

    let writer = wat::parse_str(
        r#"(module
            (import "assay" "write" (func $write (param i64 i32 i32)))
            (memory (export "memory") 1 1) (data (i32.const 0) "\01")
            (func (export "step") (param $pc i64) (result i64)
                (call $write (i64.add (i64.const 0x20000000000) (i64.mul (local.get $pc) (i64.const 4096)))
                    (i32.const 0) (i32.const 1))
                (i64.add (local.get $pc) (i64.const 1))))"#,
    )
    .unwrap();
    service.library.put_program(writer.clone()).unwrap();
    let reply = service.answer(ask(&writer, &[], Question::States));
    assert_eq!(reply, Reply::Refused(Refusal::TooLarge));

    // A segment that nobody asked for, and one of another length.
    let params = params();
    let segment = &params[..SEGMENT_LEN];
    assert!(service
        .library
        .put_segment(reference(&params), 0, segment)
        .is_err());
    service.library.put_program(code.clone()).unwrap();
    service.answer(ask(&code, &params, Question::States));
    assert!(service
        .library
        .put_segment(reference(&params), 1, segment)
        .is_err());
    assert!(service
        .library
        .put_segment(reference(&params), 0, &segment[1..])
        .is_err());
}

#[test]
fn wrong_segments_are_refused_and_may_be_sent_anew() {
    let folder = Folder::new("serve-segments");
    let (code, params) = (adder(3), params());
    {
        let service = service(&folder);
        service.library.put_program(code.clone()).unwrap();
        service.answer(ask(&code, &params, Question::States));
        let mut wrong = params.clone();
        wrong[0] ^= 1;
        for (index, segment) in (0..).zip(wrong.chunks(SEGMENT_LEN)) {
            service
                .library
                .put_segment(reference(&params), index, segment)
                .unwrap();
            // Once more, as the worker of another block does.
            service
                .library
                .put_segment(reference(&params), index, segment)
                .unwrap();
        }
        let reply = service.answer(ask(&code, &params, Question::States));
        assert_eq!(reply, Reply::Refused(Refusal::WrongParams));
        // Nor does it matter when it is sent once more.
        service
            .library
            .put_segment(reference(&params), 1, &wrong[SEGMENT_LEN..])
            .unwrap();
    }
    let service = service(&folder);
    let first = &params[..SEGMENT_LEN];
    service.answer(ask(&code, &params, Question::States));
    service.library.put_segment(reference(&params), 0, first).unwrap();
    drop(service);
    // Killed in between, it goes on behind what it has.
    let service = self::service(&folder);
    let reply = service.answer(ask(&code, &params, Question::States));
    assert_eq!(reply, Reply::SendSegments(1));
    service
        .library
        .put_segment(reference(&params), 1, &params[SEGMENT_LEN..])
        .unwrap();
    assert_eq!(
        states(service.answer(ask(&code, &params, Question::States))).len(),
        4
    );
}

#[test]
fn server_that_is_killed_before_it_looks_at_the_last_segment_does_so_after_its_start() {
    let folder = Folder::new("serve-last-segment");
    // As long as segments: no last one is shorter.
    let (code, mut params) = (adder(3), params());
    params.resize(2 * SEGMENT_LEN, 1);
    let names = {
        let service = service(&folder);
        provide(&service, &code, &params[..]);
        service.answer(ask(&code, &params, Question::States));
        std::fs::read_dir(folder.path("serve/params")).unwrap()
    };
    for name in names {
        let path = name.unwrap().path();
        std::fs::rename(&path, path.with_extension("sent")).unwrap();
    }
    let service = service(&folder);
    let reply = service.answer(ask(&code, &params, Question::States));
    assert_eq!(states(reply).len(), 4);
}

#[test]
fn params_that_are_on_the_way_are_not_removed_for_others() {
    let folder = Folder::new("serve-both");
    let (code, params) = (adder(3), params());
    let others = [vec![1], params[1..].to_vec()].concat();
    let limits = Limits {
        disk: params.len() as u64 + 10,
        ..ROOM
    };
    let web = Web::new();
    web.put("/others", &others);
    let service = service_in(&folder.path("serve"), limits, 1 << 20);
    service.library.put_program(code.clone()).unwrap();
    assert_eq!(
        service.answer(ask(&code, &params, Question::States)),
        Reply::SendSegments(0)
    );
    let (first, last) = params.split_at(SEGMENT_LEN);
    service.library.put_segment(reference(&params), 0, first).unwrap();
    let mut large = ask(&code, &others, Question::States);
    large.source = Source::Locations(vec![web.url("/others")]);
    assert_eq!(service.answer(large), Reply::Refused(Refusal::NoParams));
    service.library.put_segment(reference(&params), 1, last).unwrap();
    assert_eq!(
        states(service.answer(ask(&code, &params, Question::States))).len(),
        4
    );
}

/// A service with the program, and a question about params at these locations.
fn external(folder: &Folder, params: &[u8], locations: &[String]) -> (Service, Ask) {
    let (service, code) = (service(folder), adder(3));
    service.library.put_program(code.clone()).unwrap();
    let mut ask = ask(&code, params, Question::States);
    ask.source = Source::Locations(locations.to_vec());
    (service, ask)
}

#[test]
fn params_are_fetched_with_and_without_a_list_of_hashes() {
    let params = params();
    for with_list in [true, false] {
        let folder = Folder::new(&format!("serve-fetch-{with_list}"));
        let web = Web::new();
        web.put("/p", &params);
        if with_list {
            web.put("/p.hashes", &list(&params));
        }
        let (service, ask) = external(&folder, &params, &[web.url("/p")]);
        assert_eq!(states(service.answer(ask.clone())).len(), 4);
        drop(service);
        // A server that starts again has them.
        let (service, ask) = external(&folder, &params, &[]);
        assert_eq!(states(service.answer(ask)).len(), 4);
        assert_eq!(web.requests(), ["/p.hashes", "/p"]);
    }
}

#[test]
fn chunks_of_params_are_proven() {
    let (params, folder, web) = (params(), Folder::new("serve-chunks"), Web::new());
    web.put("/p", &params);
    let (service, mut ask) = external(&folder, &params, &[web.url("/p")]);
    // The second is the last, the third behind the end.
    for chunk in [1, 100, 1_000] {
        ask.question = Question::Chunk { chunk };
        let Reply::Chunk(proof) = service.answer(ask.clone()) else {
            panic!("{chunk}");
        };
        let mut memory = proof.into_tree().unwrap();
        assert_eq!(memory.region_root(Region::Params), Ok(ask.run.params.root));
        let shown = memory.chunk(chunk).unwrap().map(|bytes| bytes.to_vec());
        let start = (chunk as usize * CHUNK_LEN).min(params.len());
        let mut expected = params[start..params.len().min(start + CHUNK_LEN)].to_vec();
        expected.resize(CHUNK_LEN, 0);
        assert_eq!(shown.unwrap_or(vec![0; CHUNK_LEN]), expected);
    }
    ask.question = Question::Chunk { chunk: 1 << 28 };
    assert_eq!(service.answer(ask), Reply::Refused(Refusal::NoSuchChunk));
}

#[test]
fn broken_downloads_go_on_where_they_broke_off() {
    let params = params();
    for with_list in [true, false] {
        for with_ranges in [true, false] {
            let folder = Folder::new(&format!("serve-resume-{with_list}-{with_ranges}"));
            let web = Web::new();
            web.put("/p", &params);
            if with_list {
                web.put("/p.hashes", &list(&params));
            }
            web.break_after("/p", &[10 * CHUNK_LEN + 7, 60 * CHUNK_LEN]);
            web.know_ranges(with_ranges);
            let (service, ask) = external(&folder, &params, &[web.url("/p")]);
            assert_eq!(states(service.answer(ask)).len(), 4, "{with_list} {with_ranges}");
            let second = if with_ranges { 10 } else { 0 };
            let expected = [
                "/p.hashes".to_string(),
                "/p".into(),
                format!("/p from {}", 10 * CHUNK_LEN),
                format!("/p from {}", (second + 60) * CHUNK_LEN),
            ];
            assert_eq!(web.requests(), expected);
        }
    }
}

#[test]
fn server_that_is_killed_in_a_download_goes_on_after_its_start() {
    let params = params();
    let folder = Folder::new("serve-killed");
    let web = Web::new();
    web.put("/p", &params);
    web.put("/p.hashes", &list(&params));
    web.break_after("/p", &[30 * CHUNK_LEN, 0]);
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    assert_eq!(service.answer(ask), Reply::Refused(Refusal::NoParams));
    drop(service);
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    assert_eq!(states(service.answer(ask)).len(), 4);
    let from = format!("/p from {}", 30 * CHUNK_LEN);
    assert_eq!(web.requests(), ["/p.hashes", "/p", &from, &from]);
}

#[test]
fn wrong_bytes_are_noticed_at_once_with_a_list_and_at_the_end_without() {
    let params = params();
    let mut wrong = params.clone();
    wrong[50 * CHUNK_LEN] ^= 1;
    let folder = Folder::new("serve-wrong");
    let web = Web::new();
    for (path, bytes) in [
        ("/wrong", &wrong),
        ("/wrong-list", &params),
        ("/bare", &wrong),
        ("/right", &params),
    ] {
        web.put(path, bytes);
    }
    web.put("/wrong.hashes", &list(&params));
    let locations = ["/bare", "/wrong", "/wrong-list"].map(|path| web.url(path));
    // The list of the second location is kept, so that the third needs none.
    let (service, ask) = external(&folder, &params, &locations);
    assert_eq!(states(service.answer(ask)).len(), 4);
    let from = format!("/wrong-list from {}", 50 * CHUNK_LEN);
    assert_eq!(
        web.requests(),
        ["/bare.hashes", "/bare", "/wrong.hashes", "/wrong", &from]
    );

    let folder = Folder::new("serve-all-wrong");
    let web = Web::new();
    web.put("/wrong", &wrong);
    web.put("/wrong.hashes", &list(&wrong));
    web.put("/short", &params[..1000]);
    web.put("/long.hashes", &[list(&params), vec![0; 32]].concat());
    let locations = ["/wrong", "/short", "/long"].map(|path| web.url(path));
    let nonsense = [
        "ftp://127.0.0.1/p",
        "file:///etc/passwd",
        "http://127.0.0.1:1/p",
        "",
        "no address",
    ];
    let locations = [&locations[..], &nonsense.map(String::from)].concat();
    let (service, ask) = external(&folder, &params, &locations);
    assert_eq!(service.answer(ask.clone()), Reply::Refused(Refusal::NoParams));
    let requests = web.requests().len();
    assert_eq!(service.answer(ask), Reply::Refused(Refusal::NoParams));
    assert_eq!(web.requests().len(), requests, "they are left alone for a while");
}

#[test]
fn long_answers_are_read_no_further_than_the_params_go() {
    let params = params();
    let folder = Folder::new("serve-endless");
    let web = Web::new();
    let mut long = params.clone();
    long.resize(50 << 20, 0);
    web.put("/p", &long);
    web.put("/p.hashes", &long);
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    assert_eq!(states(service.answer(ask)).len(), 4);
}

#[test]
fn cache_holds_no_more_than_its_limit() {
    let folder = Folder::new("serve-cache");
    let web = Web::new();
    let params = [0_u8, 1, 2].map(|first| [vec![first + 1], params()[1..].to_vec()].concat());
    let len = params[0].len() as u64;
    let limits = Limits {
        disk: 2 * len + 10,
        memory: len,
    };
    let service = service_in(&folder.path("serve"), limits, 1 << 20);
    let code = adder(3);
    service.library.put_program(code.clone()).unwrap();
    let question = |index: usize, input: u8| {
        let path = format!("/{index}");
        web.put(&path, &params[index]);
        let mut ask = ask(&code, &params[index], Question::States);
        ask.run.input = vec![input];
        ask.source = Source::Locations(vec![web.url(&path)]);
        ask
    };
    let fetched = |path: &str| web.requests().iter().filter(|request| *request == path).count();
    for index in [0, 1, 2] {
        assert_eq!(states(service.answer(question(index, 4))).len(), 4);
        // File systems tell times apart by milliseconds at best.
        std::thread::sleep(Duration::from_millis(20));
    }
    let kept = std::fs::read_dir(folder.path("serve/params")).unwrap().count();
    assert_eq!(kept, 2);
    // The first went, the last are there.
    assert_eq!(states(service.answer(question(2, 5))).len(), 4);
    assert_eq!(states(service.answer(question(1, 5))).len(), 4);
    assert_eq!((fetched("/1"), fetched("/2")), (1, 1));
    assert_eq!(states(service.answer(question(0, 5))).len(), 4);
    assert_eq!(fetched("/0"), 2);

    let large = vec![1; 3 * len as usize];
    web.put("/large", &large);
    let mut too_large = ask(&code, &large, Question::States);
    too_large.source = Source::Locations(vec![web.url("/large")]);
    assert_eq!(service.answer(too_large), Reply::Refused(Refusal::NoParams));
    assert_eq!(fetched("/large"), 0);
}

#[test]
fn params_that_were_damaged_on_the_disk_are_fetched_again() {
    let params = params();
    let folder = Folder::new("serve-damaged");
    let web = Web::new();
    web.put("/p", &params);
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    service.answer(ask);
    drop(service);
    let file = std::fs::read_dir(folder.path("serve/params"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (service, ask) = external(&folder, &params, &[web.url("/p")]);
    assert_eq!(states(service.answer(ask)).len(), 4);
    assert_eq!(web.requests(), ["/p.hashes", "/p", "/p.hashes", "/p"]);
}

#[test]
fn question_that_is_asked_by_many_is_run_once_and_none_waits_for_longer_than_it_said() {
    let folder = Folder::new("serve-many");
    let (service, code) = (Arc::new(service(&folder)), adder(900));
    provide(&service, &code, &params());
    let asked = (0..8).map(|_| {
        let (service, code) = (service.clone(), code.clone());
        std::thread::spawn(move || states(service.answer(ask(&code, &params(), Question::States))))
    });
    let answers = asked
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap());
    let answers = answers.collect::<Vec<_>>();
    assert!(answers
        .iter()
        .all(|states| *states == answers[0] && states.len() == 901));

    let endless = wat::parse_str(
        r#"(module (memory (export "memory") 1 1)
            (func (export "step") (param $pc i64) (result i64) (local $i i32)
                (local.set $i (i32.const 300000))
                (loop $l (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $l (local.get $i)))
                (i64.add (local.get $pc) (i64.const 1))))"#,
    );
    let endless = endless.unwrap();
    service.library.put_program(endless.clone()).unwrap();
    let mut ask = ask(&endless, &[], Question::States);
    ask.run.max_steps = u64::MAX;
    ask.wait = 100;
    let begin = Instant::now();
    let reply = service.answer(ask);
    assert!(
        matches!(reply, Reply::Working(Work::Running(_) | Work::Queued)),
        "{reply:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_server_at_a_time_uses_a_folder() {
    let folder = Folder::new("serve-lock");
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["serve", "--listen", "127.0.0.1:0", "--folder"])
            .arg(folder.path("serve"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = start();
    while !folder.path("serve/token").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = start().wait_with_output().unwrap();
    assert!(String::from_utf8(second.stderr)
        .unwrap()
        .contains("another server uses"));
    assert_eq!(second.status.code(), Some(1));
    first.kill().unwrap();
    first.wait().unwrap();
    // What it held is free, and the token stays the same.
    let token = std::fs::read(folder.path("serve/token")).unwrap();
    let mut third = start();
    std::thread::sleep(Duration::from_millis(300));
    assert!(third.try_wait().unwrap().is_none());
    third.kill().unwrap();
    third.wait().unwrap();
    assert_eq!(std::fs::read(folder.path("serve/token")).unwrap(), token);
}

#[test]
fn unpacked_params_have_the_inspected_root_and_their_list() {
    let folder = Folder::new("serve-unpack");
    folder.write("cnn.onnx", &repository("models/digits/cnn.onnx"));
    folder.text(&["pack", "cnn.onnx", "-o", "cnn.assay"]);
    folder.text(&["unpack", "cnn.assay", "--external", "-o", "out"]);
    let about = folder.json(&["inspect", "cnn.assay"]);
    let params = std::fs::read(folder.path("out/params")).unwrap();
    assert_eq!(
        std::fs::read(folder.path("out/params.hashes")).unwrap(),
        list(&params)
    );
    let mut memory = MemoryTree::new();
    memory.write(0, &params).unwrap();
    let root = memory.region_root(assay_engine::memory::Region::Params).unwrap();
    let digits = root.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(about["params_root"], format!("0x{digits}"));
}
