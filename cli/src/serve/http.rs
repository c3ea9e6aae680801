//! What the node sends, and what it gets back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use assay_engine::limits::{ENGINE_VERSION, MAX_INPUT_LEN, REGION_LEVELS, SEGMENT_LEN};
use assay_engine::memory::Region;
use assay_engine::trace::TraceId;
use assay_service::{
    authorization, Ask, ParamsRef, Question, Refusal, Reply, Run, Source, ASK_PATH, PROGRAM_PATH,
};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{header::AUTHORIZATION, StatusCode};
use axum::middleware::{from_fn_with_state, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::Router;
use codec::{DecodeAll, Encode};

use super::counts;
use super::library::{Library, StoreError};
use super::runs::{Job, Key, Runs};
use crate::package::Hash as Hex;

/// The most bytes of a request: an input or a segment, and what stands around them.
const BODY_MAX: usize = SEGMENT_LEN + MAX_INPUT_LEN as usize;
/// The most time for which a request is kept waiting.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What answers.
pub struct Service {
    /// Programs and params.
    pub library: Arc<Library>,
    /// Runs.
    pub runs: Arc<Runs>,
    /// The secret that requests carry.
    pub token: String,
}

/// The routes of a service.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(ASK_PATH, post(ask))
        .route(PROGRAM_PATH, put(program))
        .route("/v1/params/{root}/{len}/{index}", put(segment))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(service.clone(), authorized))
        // Numbers alone, for which nobody has to know the token.
        .route("/metrics", get(metrics))
        .with_state(service)
}

/// Lets those pass who know the token. Hashes are compared, so that the time tells nothing of it.
async fn authorized(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let expected = Hex::of(authorization(&service.token).as_bytes());
    let shown = request.headers().get(AUTHORIZATION);
    match shown.map(|value| Hex::of(value.as_bytes())) {
        Some(shown) if shown == expected => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "another token is expected\n").into_response(),
    }
}

async fn ask(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    let Ok(ask) = Ask::decode_all(&mut &*body) else {
        return (StatusCode::BAD_REQUEST, "that is no question\n").into_response();
    };
    blocking(move || service.answer(ask).encode().into_response()).await
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    blocking(move || counts::text(&service.runs.counts(), &service.library.bytes()).into_response()).await
}

async fn program(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    blocking(move || stored(service.library.put_program(body.to_vec()))).await
}

async fn segment(
    State(service): State<Arc<Service>>,
    Path((root, len, index)): Path<(String, u64, u32)>,
    body: Bytes,
) -> Response {
    let Ok(Hex(root)) = Hex::try_from(format!("0x{root}")) else {
        return (StatusCode::BAD_REQUEST, "that is no root\n").into_response();
    };
    let params = ParamsRef { root, len };
    blocking(move || stored(service.library.put_segment(params, index, &body))).await
}

fn stored(result: Result<(), StoreError>) -> Response {
    match result {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error @ StoreError::File(_)) => {
            (StatusCode::INSUFFICIENT_STORAGE, format!("{error}\n")).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl Service {
    /// The reply to a question.
    pub fn answer(&self, ask: Ask) -> Reply {
        let wait = Duration::from_millis(ask.wait.into()).min(WAIT_MAX);
        let until = Instant::now() + wait;
        let run = ask.run;
        if run.engine != ENGINE_VERSION {
            return Reply::Refused(Refusal::OtherEngine(ENGINE_VERSION));
        }
        let source = &ask.source;
        match ask.question {
            Question::Chunk { chunk } => self.chunk(chunk, run.params, source, until),
            Question::Claim { author, job } => self.of_run(run, None, source, until, |key, work| {
                self.runs.claim(key, work, TraceId { author, job }, until)
            }),
            Question::States => self.of_run(run, None, source, until, |key, work| {
                self.runs.states(key, work, until)
            }),
            Question::Witness { step } => self.of_run(run, Some(step), source, until, |key, work| {
                self.runs.witness(key, work, until)
            }),
        }
    }

    /// The reply of a run, or of one up to a step: with what it takes to do it, unless it is known.
    fn of_run(
        &self,
        run: Run,
        step: Option<u64>,
        source: &Source,
        until: Instant,
        reply: impl FnOnce(Key, Option<Job>) -> Reply,
    ) -> Reply {
        let key = (Hex::of(&run.encode()).0, step);
        if self.runs.knows(&key) {
            return reply(key, None);
        }
        let Some(program) = self.library.program(&run.program) else {
            return Reply::SendProgram;
        };
        let params = match self.library.params(run.params, source, until) {
            Ok(params) => params,
            Err(reply) => return *reply,
        };
        let job = Job {
            program: Arc::new(program),
            params,
            params_len: run.params.len,
            input: run.input,
            max_steps: run.max_steps,
        };
        reply(key, Some(job))
    }

    /// The proof of a chunk of params.
    fn chunk(&self, chunk: u32, params: ParamsRef, source: &Source, until: Instant) -> Reply {
        let mut tree = match self.library.params(params, source, until) {
            Ok(tree) => tree,
            Err(reply) => return *reply,
        };
        let proof = (chunk < 1 << REGION_LEVELS)
            .then(|| tree.prove(&[Region::Params.first_chunk() + chunk].into()).ok());
        let proof = proof.flatten().map(Reply::Chunk);
        proof.unwrap_or(Reply::Refused(Refusal::NoSuchChunk))
    }
}
