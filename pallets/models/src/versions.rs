//! Versions: a program, params and terms, fixed for every job that runs them.

use crate::*;
use assay_engine::limits::{MAX_INPUT_LEN, MAX_OUTPUT_LEN, REGION_LEN};
use assay_primitives::{ModelId, ParamsId, VersionId};
use frame_support::{ensure, traits::Get};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchError, DispatchResult};

/// The params of a new version, looked up.
struct ResolvedParams<T: Config> {
    root: H256,
    len: u64,
    locations: Locations,
    /// The uploaded params with the new version counted, or `None` where they are external.
    uploaded: Option<(ParamsId, ParamsRecordOf<T>)>,
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_publish_version(who: T::AccountId, model: ModelId, spec: VersionSpec) -> DispatchResult {
        Self::owned_model(&who, model)?;
        ensure!(spec.royalty <= T::MaxRoyalty::get(), Error::<T>::RoyaltyTooHigh);
        ensure!(
            (1..=T::MaxSteps::get()).contains(&spec.max_steps),
            Error::<T>::MaxStepsOutOfRange
        );
        let inputs = specs::tensors::<T>(spec.inputs)?;
        let outputs = specs::tensors::<T>(spec.outputs)?;
        let input_len = total_len(&inputs, MAX_INPUT_LEN).ok_or(Error::<T>::InputTooLong)?;
        total_len(&outputs, MAX_OUTPUT_LEN).ok_or(Error::<T>::OutputTooLong)?;
        let license = specs::bounded(spec.license, Error::<T>::LicenseTooLong)?;
        let labels = specs::labels::<T>(spec.labels)?;
        let mut program = Programs::<T>::get(spec.program).ok_or(Error::<T>::ProgramNotFound)?;
        program.refs = one_more::<T>(program.refs)?;
        let params = Self::resolve(spec.params)?;
        let version = NextVersion::<T>::get();
        let next = one_more::<T>(version)?;
        let mut versions = ModelVersions::<T>::get(model);
        versions
            .try_push(version)
            .map_err(|_| Error::<T>::MaxVersionsExceeded)?;

        let details = VersionDetails {
            inputs,
            outputs,
            license,
            labels,
            locations: params.locations,
        };
        let uploaded = params.uploaded.as_ref();
        let params_deposit = uploaded.map(|(_, record)| record.deposit).unwrap_or_default();
        let locked = program.deposit.saturating_add(params_deposit);
        let amount = Self::deposit_for_value(&details).saturating_add(T::LockupShare::get().mul_ceil(locked));
        Self::hold(HoldReason::Version, &who, amount)?;
        let record = VersionRecord {
            model,
            deposit: Deposit { who, amount },
            program: spec.program,
            params: uploaded.map(|(id, _)| *id),
            params_root: params.root,
            params_len: params.len,
            input_len,
            max_steps: spec.max_steps,
            royalty: spec.royalty,
            deprecated: false,
        };
        Programs::<T>::insert(spec.program, program);
        if let Some((id, record)) = params.uploaded {
            Params::<T>::insert(id, record);
        }
        ModelVersions::<T>::insert(model, versions);
        Versions::<T>::insert(version, record);
        Details::<T>::insert(version, details);
        NextVersion::<T>::put(next);
        Self::deposit_event(Event::VersionPublished { version, model });
        Ok(())
    }

    pub(crate) fn do_deprecate_version(who: T::AccountId, version: VersionId) -> DispatchResult {
        let mut record = Self::owned_version(&who, version)?;
        ensure!(!record.deprecated, Error::<T>::AlreadyDeprecated);

        record.deprecated = true;
        Versions::<T>::insert(version, record);
        Self::deposit_event(Event::VersionDeprecated { version });
        Ok(())
    }

    pub(crate) fn do_remove_version(who: T::AccountId, version: VersionId) -> DispatchResult {
        let record = Self::owned_version(&who, version)?;
        ensure!(record.deprecated, Error::<T>::NotDeprecated);
        ensure!(!Uses::<T>::contains_key(version), Error::<T>::VersionInUse);

        Self::release_deposit(HoldReason::Version, &record.deposit.who, record.deposit.amount)?;
        Self::drop_requests(version)?;
        Self::unreference(record.program, record.params);
        ModelVersions::<T>::mutate_exists(record.model, |slot| {
            if let Some(versions) = slot {
                versions.retain(|other| *other != version);
                if versions.is_empty() {
                    *slot = None;
                }
            }
        });
        Versions::<T>::remove(version);
        Details::<T>::remove(version);
        Self::deposit_event(Event::VersionRemoved {
            version,
            model: record.model,
        });
        Ok(())
    }

    /// The version, where its model is `who`'s.
    fn owned_version(who: &T::AccountId, version: VersionId) -> Result<VersionRecordOf<T>, DispatchError> {
        let record = Versions::<T>::get(version).ok_or(Error::<T>::VersionNotFound)?;
        Self::owned_model(who, record.model)?;
        Ok(record)
    }

    fn resolve(source: ParamsSource) -> Result<ResolvedParams<T>, Error<T>> {
        match source {
            ParamsSource::OnChain(id) => {
                let mut record = Params::<T>::get(id).ok_or(Error::<T>::ParamsNotFound)?;
                let ParamsStatus::Complete { root } = record.status else {
                    return Err(Error::ParamsIncomplete);
                };
                record.refs = one_more::<T>(record.refs)?;
                Ok(ResolvedParams {
                    root,
                    len: record.len,
                    locations: Default::default(),
                    uploaded: Some((id, record)),
                })
            }
            ParamsSource::External { root, len, locations } => {
                ensure!(len <= REGION_LEN, Error::<T>::ParamsTooLong);
                Ok(ResolvedParams {
                    root,
                    len,
                    locations: specs::locations(locations)?,
                    uploaded: None,
                })
            }
        }
    }

    /// Counts one version less that refers to `program` and `params`.
    fn unreference(program: H256, params: Option<ParamsId>) {
        Programs::<T>::mutate(program, |slot| {
            if let Some(record) = slot {
                record.refs = record.refs.saturating_sub(1);
            }
        });
        let Some(params) = params else { return };
        Params::<T>::mutate(params, |slot| {
            if let Some(record) = slot {
                record.refs = record.refs.saturating_sub(1);
            }
        });
    }
}

fn one_more<T: Config>(count: u32) -> Result<u32, Error<T>> {
    count.checked_add(1).ok_or(Error::CounterExhausted)
}

/// Bytes of `tensors` together, or `None` where they exceed `limit`.
pub(crate) fn total_len(tensors: &Tensors, limit: u32) -> Option<u32> {
    let len = tensors
        .iter()
        .try_fold(0u32, |len, tensor| len.checked_add(tensor.byte_len()?))?;
    (len <= limit).then_some(len)
}
