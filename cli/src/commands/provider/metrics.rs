//! `assay provider metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::Router;

use super::status::Report;
use crate::client::{AccountId32, Amount};
use crate::commands::connect::account;
use crate::commands::{Account, Failure, Node};
use crate::metrics::Lines;

/// Arguments of `assay provider metrics`.
#[derive(Debug, clap::Args)]
pub struct Metrics {
    /// The provider: an address, or the name of a key. [default: --key]
    pub provider: Option<String>,
    /// Whose, if nobody is named.
    #[command(flatten)]
    pub account: Account,
    /// Where Prometheus finds them, under /metrics.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9957")]
    pub listen: SocketAddr,
    /// The node.
    #[command(flatten)]
    pub node: Node,
}

/// Answers until it is killed. Each answer connects to the node anew, so that it may be restarted and upgraded.
pub(super) fn metrics(arguments: &Metrics) -> Result<String, Failure> {
    let provider = account(arguments.account.name_or(arguments.provider.as_deref())?)?;
    let source = Arc::new((arguments.node.clone(), provider));
    let answer = move || {
        let source = source.clone();
        async move { scraped(&source.0, &source.1).await }
    };
    let router = Router::new().route("/metrics", get(answer));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(arguments.listen).await;
        let listener = listener.map_err(|error| {
            format!(
                "{}: {error} (choose another address with --listen)",
                arguments.listen
            )
        })?;
        eprintln!("metrics at http://{}/metrics", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(String::new())
    })
}

async fn scraped(node: &Node, provider: &AccountId32) -> Response {
    let (node, provider) = (node.clone(), *provider);
    let text = tokio::task::spawn_blocking(move || text_of(&node, &provider)).await;
    match text {
        Ok(Ok(text)) => text.into_response(),
        Ok(Err(error)) => (StatusCode::BAD_GATEWAY, format!("{error}\n")).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

// A failure may hold what does not go from thread to thread.
fn text_of(node: &Node, provider: &AccountId32) -> Result<String, String> {
    let report = node
        .connect()
        .and_then(|chain| Report::of(&chain, provider))
        .map_err(|error| error.to_string())?;
    Ok(text(&report))
}

/// The figures in Prometheus' text format.
fn text(report: &Report) -> String {
    let mut text = Lines::new("assay_provider_");
    let unbonding = report.unbonding.iter().map(|chunk| chunk.amount.0).sum();
    text.add("active", "gauge", "Whether the chain gives the provider jobs", "");
    text.value("", u8::from(report.status == "active"));
    text.add("block", "gauge", "The block that these are of", "");
    text.value("", report.block);
    text.add(
        "stake_plancks",
        "gauge",
        "Stake: behind open jobs, free, on its way out",
        "part",
    );
    text.value("exposed", plancks(report.exposed));
    text.value("free", plancks(report.free_stake));
    text.value("unbonding", plancks(Amount(unbonding)));
    text.add("balance_plancks", "gauge", "What accounts have free", "of");
    text.value("provider", plancks(report.free));
    text.value("worker", plancks(report.worker_free));
    text.add("open_jobs", "gauge", "Jobs that are not final", "");
    text.value("", report.open_jobs);
    text.add("jobs_total", "counter", "Jobs by how they ended", "outcome");
    text.value("completed", report.stats.completed);
    text.value("timed_out", report.stats.timed_out);
    text.value("disproved", report.stats.disproved);
    text.value("released", report.stats.released);
    text.add("slashed_plancks_total", "counter", "Stake that was lost", "");
    text.value("", plancks(report.stats.slashed));
    text.add(
        "node_ready",
        "gauge",
        "Whether the node can work, where it says so",
        "what",
    );
    let ready = [
        ("worker_key", report.node.has_worker_key),
        ("params", report.node.off_chain_indexing),
    ];
    for (what, is_ready) in ready {
        if let Some(is_ready) = is_ready {
            text.value(what, u8::from(is_ready));
        }
    }
    text.lines()
}

fn plancks(amount: Amount) -> u128 {
    amount.0
}

#[cfg(test)]
mod tests {
    /// Every metric of the committed dashboard and alerts is one that is told.
    #[test]
    fn the_dashboard_asks_for_what_there_is() {
        let told = [
            ("assay_provider_", include_str!("metrics.rs")),
            ("assay_serve_", include_str!("../../serve/counts.rs")),
        ];
        let asked = concat!(
            include_str!("../../../../monitoring/grafana.json"),
            include_str!("../../../../monitoring/alerts.yml")
        );
        for (prefix, source) in told {
            let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let names = asked
                .split(prefix)
                .skip(1)
                .filter_map(|rest| rest.split(ends).next());
            let names = names.collect::<Vec<_>>();
            assert!(names.len() > 3, "{prefix}");
            for name in names {
                assert!(source.contains(&format!("\"{name}\"")), "{prefix}{name}");
            }
        }
    }
}
