//! The genesis states `development` and `local_testnet`.

use crate::{
    configs::ProtocolAccount, constants::*, AccountId, AuraId, Balance, BalancesConfig, BlockNumber,
    CollatorSelectionConfig, JobsConfig, ParachainInfoConfig, RuntimeGenesisConfig, SessionConfig,
    SessionKeys, SudoConfig,
};
use alloc::{vec, vec::Vec};
use assay_primitives::DisputeTerms;
use frame_support::{build_struct_json_patch, traits::Get};
use pallet_jobs::JobParameters;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;
use sp_runtime::Perbill;

/// One node that seals its own blocks. Short deadlines.
pub const DEVELOPMENT: &str = DEV_RUNTIME_PRESET;
/// Two collators under a local relay chain.
pub const LOCAL_TESTNET: &str = LOCAL_TESTNET_RUNTIME_PRESET;
/// The parachain's id in both.
pub const PARA_ID: u32 = 2026;

fn genesis(collators: Vec<(AccountId, AuraId)>, jobs: JobParameters<Balance, BlockNumber>) -> Value {
    let users = Sr25519Keyring::well_known().map(|key| (key.to_account_id(), 1_000_000 * UNIT));
    let protocol = (ProtocolAccount::get(), EXISTENTIAL_DEPOSIT);
    build_struct_json_patch!(RuntimeGenesisConfig {
        balances: BalancesConfig {
            balances: users.chain([protocol]).collect()
        },
        jobs: JobsConfig { parameters: jobs },
        parachain_info: ParachainInfoConfig {
            parachain_id: PARA_ID.into()
        },
        collator_selection: CollatorSelectionConfig {
            invulnerables: collators.iter().map(|(account, _)| account.clone()).collect(),
            candidacy_bond: 100 * UNIT,
        },
        session: SessionConfig {
            keys: collators
                .into_iter()
                .map(|(account, aura)| (account.clone(), account, SessionKeys { aura }))
                .collect(),
        },
        sudo: SudoConfig {
            key: Some(Sr25519Keyring::Alice.to_account_id())
        },
    })
}

/// The rules of time and money: about a quarter of an hour to claim, an hour to challenge.
fn job_parameters() -> JobParameters<Balance, BlockNumber> {
    JobParameters {
        assign_retry: 5,
        queue_deadline: HOURS,
        claim_deadline: 15 * MINUTES,
        challenge_window: HOURS,
        retention: 7 * DAYS,
        max_attempts: 3,
        min_exposure: UNIT,
        exposure_factor: 10,
        silence_penalty: Perbill::from_percent(5),
        disproof_penalty: Perbill::one(),
        challenger_share: Perbill::from_percent(20),
        compensation_share: Perbill::from_percent(20),
        protocol_share: Perbill::from_percent(2),
        dispute: DisputeTerms {
            bond: 10 * UNIT,
            burn_share: Perbill::from_percent(20),
            move_time: 30 * MINUTES,
            reveal_time: 30 * MINUTES,
        },
        deposit_base: 10 * MILLIUNIT,
        deposit_per_byte: MICROUNIT,
    }
}

/// The same in minutes instead of hours, for one who watches.
fn development_parameters() -> JobParameters<Balance, BlockNumber> {
    JobParameters {
        assign_retry: 2,
        queue_deadline: 20,
        claim_deadline: 20,
        challenge_window: 5,
        retention: 200,
        dispute: DisputeTerms {
            move_time: 10,
            reveal_time: 10,
            ..job_parameters().dispute
        },
        ..job_parameters()
    }
}

fn collator(key: Sr25519Keyring) -> (AccountId, AuraId) {
    (key.to_account_id(), key.public().into())
}

/// The preset named `id`, as a JSON patch of the default genesis.
pub fn get(id: &PresetId) -> Option<Vec<u8>> {
    let patch = match id.as_ref() {
        DEVELOPMENT => genesis(vec![collator(Sr25519Keyring::Alice)], development_parameters()),
        LOCAL_TESTNET => {
            let collators = vec![collator(Sr25519Keyring::Alice), collator(Sr25519Keyring::Bob)];
            genesis(
                collators,
                JobParameters {
                    challenge_window: 10 * MINUTES,
                    ..job_parameters()
                },
            )
        }
        _ => return None,
    };
    serde_json::to_vec(&patch).ok()
}

/// The whole genesis of the preset named `id`: its patch on top of the default.
#[cfg(feature = "std")]
pub fn genesis_config(id: &PresetId) -> Option<RuntimeGenesisConfig> {
    let patch = serde_json::from_slice(&get(id)?).ok()?;
    let mut whole = serde_json::to_value(RuntimeGenesisConfig::default()).ok()?;
    merge(&mut whole, patch);
    serde_json::from_value(whole).ok()
}

#[cfg(feature = "std")]
fn merge(whole: &mut Value, patch: Value) {
    match (whole, patch) {
        (Value::Object(whole), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(whole.entry(key).or_insert(Value::Null), value);
            }
        }
        (whole, patch) => *whole = patch,
    }
}

/// The names of all presets.
pub fn names() -> Vec<PresetId> {
    vec![PresetId::from(DEVELOPMENT), PresetId::from(LOCAL_TESTNET)]
}
