//! Whether a node's runtime is one that this tool knows.
//!
//! Only what the tool uses counts: a runtime that has more, or that differs elsewhere, will do.

use subxt::metadata::Metadata;

use super::error::first_lower;

/// The calls that are submitted.
const CALLS: [(&str, &str); 16] = [
    ("Jobs", "request"),
    ("Models", "begin_params"),
    ("Models", "create_model"),
    ("Models", "publish_version"),
    ("Models", "upload_program"),
    ("Models", "upload_segment"),
    ("Providers", "bond_more"),
    ("Providers", "deregister"),
    ("Providers", "pause"),
    ("Providers", "register"),
    ("Providers", "remove_offer"),
    ("Providers", "resume"),
    ("Providers", "set_offer"),
    ("Providers", "set_worker"),
    ("Providers", "unbond"),
    ("Providers", "withdraw"),
];
/// The runtime APIs that are asked.
const APIS: [(&str, &str); 8] = [
    ("JobsApi", "assigned_to"),
    ("JobsApi", "job"),
    ("JobsApi", "quote"),
    ("ModelsApi", "model"),
    ("ModelsApi", "version"),
    ("ProvidersApi", "offers"),
    ("ProvidersApi", "provider"),
    ("ProvidersApi", "worker_proof_message"),
];
/// The queries that are read.
const QUERIES: [(&str, &str); 4] = [
    ("Models", "Models"),
    ("Models", "Params"),
    ("Models", "Programs"),
    ("System", "Account"),
];
/// The constants that are read.
const CONSTANTS: [(&str, &str); 2] = [("Models", "MaxParamsLen"), ("Models", "MaxRoyalty")];
/// The pallets whose events are read.
const EVENTS: [&str; 3] = ["Jobs", "Models", "Providers"];

/// Which of what is used differs between two runtimes, in words.
pub fn differences(known: &Metadata, other: &Metadata) -> Vec<String> {
    let calls = CALLS.map(|(pallet, call)| {
        let hash = |metadata: &Metadata| metadata.pallet_by_name(pallet)?.call_hash(call);
        (
            format!("the call {}.{call}", first_lower(pallet)),
            hash(known),
            hash(other),
        )
    });
    let apis = APIS.map(|(api, method)| {
        let hash = |metadata: &Metadata| {
            let method = metadata.runtime_api_trait_by_name(api)?.method_by_name(method)?;
            Some(method.hash())
        };
        (
            format!("the runtime API {api}.{method}"),
            hash(known),
            hash(other),
        )
    });
    let queries = QUERIES.map(|(pallet, entry)| {
        let hash = |metadata: &Metadata| metadata.pallet_by_name(pallet)?.storage_hash(entry);
        (
            format!("the query {}.{entry}", first_lower(pallet)),
            hash(known),
            hash(other),
        )
    });
    let constants = CONSTANTS.map(|(pallet, name)| {
        let hash = |metadata: &Metadata| metadata.pallet_by_name(pallet)?.constant_hash(name);
        (
            format!("the constant {}.{name}", first_lower(pallet)),
            hash(known),
            hash(other),
        )
    });
    let events = EVENTS.map(|pallet| {
        let hash = |metadata: &Metadata| metadata.type_hash(metadata.pallet_by_name(pallet)?.event_ty_id()?);
        (
            format!("the events of {}", first_lower(pallet)),
            hash(known),
            hash(other),
        )
    });
    let all = calls
        .into_iter()
        .chain(apis)
        .chain(queries)
        .chain(constants)
        .chain(events);
    all.filter(|(_, known, other)| known.is_none() || known != other)
        .map(|(what, ..)| what)
        .collect()
}

/// The metadata that this tool was built with. `None` where it is none, which a test rules out.
pub fn built_in() -> Option<Metadata> {
    Metadata::decode_from(assay_chain::METADATA).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use subxt::ext::codec::{Decode, Encode};
    use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};

    /// The built-in metadata, changed.
    fn changed(change: impl FnOnce(&mut subxt::ext::frame_metadata::v16::RuntimeMetadataV16)) -> Metadata {
        let mut bytes = assay_chain::METADATA;
        let mut prefixed = RuntimeMetadataPrefixed::decode(&mut bytes).unwrap();
        let RuntimeMetadata::V16(metadata) = &mut prefixed.1 else {
            panic!("the metadata has another version")
        };
        change(metadata);
        Metadata::decode_from(&prefixed.encode()).unwrap()
    }

    #[test]
    fn the_built_in_runtime_has_all_that_is_used() {
        let known = built_in().unwrap();
        assert_eq!(differences(&known, &known), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_elsewhere_is_named() {
        let known = built_in().unwrap();
        let other = changed(|metadata| {
            metadata.apis.retain(|api| api.name != "JobsApi");
        });
        let differences = differences(&known, &other);
        let expected =
            ["assigned_to", "job", "quote"].map(|method| format!("the runtime API JobsApi.{method}"));
        assert_eq!(differences, expected);
    }

    #[test]
    fn a_query_that_became_another_is_named_and_what_nobody_uses_is_not() {
        let known = built_in().unwrap();
        let other = changed(|metadata| {
            metadata.pallets.retain(|pallet| pallet.name != "Sudo");
            let models = metadata
                .pallets
                .iter_mut()
                .find(|pallet| pallet.name == "Models")
                .unwrap();
            let entries = &mut models.storage.as_mut().unwrap().entries;
            entries.retain(|entry| !["ChunkRequests", "Params"].contains(&entry.name.as_str()));
        });
        assert_eq!(differences(&known, &other), ["the query models.Params"]);
    }
}
