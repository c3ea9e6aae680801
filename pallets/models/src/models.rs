//! Models: a name and an owner for a family of versions.

use crate::*;
use assay_primitives::ModelId;
use frame_support::ensure;
use sp_runtime::{DispatchError, DispatchResult};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_create_model(owner: T::AccountId, spec: ModelSpec) -> DispatchResult {
        let metadata = spec.into_metadata::<T>()?;
        let model = NextModel::<T>::get();
        let next = model.checked_add(1).ok_or(Error::<T>::CounterExhausted)?;

        let amount = Self::deposit_for_value(&metadata);
        Self::hold(HoldReason::Model, &owner, amount)?;
        let deposit = Deposit {
            who: owner.clone(),
            amount,
        };
        Models::<T>::insert(
            model,
            ModelRecord {
                owner: owner.clone(),
                deposit,
            },
        );
        Metadata::<T>::insert(model, metadata);
        NextModel::<T>::put(next);
        Self::deposit_event(Event::ModelCreated { model, owner });
        Ok(())
    }

    pub(crate) fn do_set_model_metadata(
        who: T::AccountId,
        model: ModelId,
        spec: ModelSpec,
    ) -> DispatchResult {
        let mut record = Self::owned_model(&who, model)?;
        let metadata = spec.into_metadata::<T>()?;

        Self::release_deposit(HoldReason::Model, &record.deposit.who, record.deposit.amount)?;
        let amount = Self::deposit_for_value(&metadata);
        Self::hold(HoldReason::Model, &who, amount)?;
        record.deposit = Deposit { who, amount };
        Models::<T>::insert(model, record);
        Metadata::<T>::insert(model, metadata);
        Self::deposit_event(Event::MetadataSet { model });
        Ok(())
    }

    pub(crate) fn do_transfer_model(
        who: T::AccountId,
        model: ModelId,
        new_owner: T::AccountId,
    ) -> DispatchResult {
        let record = Self::owned_model(&who, model)?;
        Models::<T>::insert(
            model,
            ModelRecord {
                owner: new_owner.clone(),
                ..record
            },
        );
        Self::deposit_event(Event::ModelTransferred {
            model,
            from: who,
            to: new_owner,
        });
        Ok(())
    }

    pub(crate) fn do_remove_model(who: T::AccountId, model: ModelId) -> DispatchResult {
        let record = Self::owned_model(&who, model)?;
        ensure!(
            !ModelVersions::<T>::contains_key(model),
            Error::<T>::ModelHasVersions
        );

        Self::release_deposit(HoldReason::Model, &record.deposit.who, record.deposit.amount)?;
        Models::<T>::remove(model);
        Metadata::<T>::remove(model);
        Self::deposit_event(Event::ModelRemoved { model });
        Ok(())
    }

    /// The model, where it is `who`'s.
    pub(crate) fn owned_model(who: &T::AccountId, model: ModelId) -> Result<ModelRecordOf<T>, DispatchError> {
        let record = Models::<T>::get(model).ok_or(Error::<T>::ModelNotFound)?;
        ensure!(record.owner == *who, Error::<T>::NotOwner);
        Ok(record)
    }
}
