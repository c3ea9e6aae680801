//! The check of the rules of time and money.

use crate::{types::*, Config, Error, Event, Pallet, Parameters};
use frame_support::{ensure, traits::Get};
use sp_runtime::{
    traits::{One, Saturating, Zero},
    DispatchResult, PerThing, Perbill,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_set_parameters(parameters: ParametersOf<T>) -> DispatchResult {
        Self::check_parameters(&parameters)?;
        Parameters::<T>::put(&parameters);
        Self::deposit_event(Event::ParametersSet { parameters });
        Ok(())
    }

    /// Whether jobs can live by `parameters`.
    pub(crate) fn check_parameters(parameters: &ParametersOf<T>) -> Result<(), Error<T>> {
        let p = parameters;
        let durations = [
            p.assign_retry,
            p.queue_deadline,
            p.claim_deadline,
            p.challenge_window,
            p.retention,
            p.dispute.move_time,
            p.dispute.reveal_time,
        ];
        ensure!(
            durations.iter().all(|blocks| *blocks >= One::one()),
            Error::<T>::ZeroDuration
        );
        ensure!(
            (1..=MAX_ATTEMPTS).contains(&p.max_attempts),
            Error::<T>::AttemptsOutOfRange
        );
        let attempt = p
            .queue_deadline
            .saturating_add(p.claim_deadline)
            .saturating_add(p.challenge_window)
            .saturating_add(p.dispute.longest());
        let longest = attempt.saturating_mul(u32::from(p.max_attempts).into());
        ensure!(
            longest.max(p.retention) <= T::MaxJobDuration::get(),
            Error::<T>::DurationTooLong
        );
        ensure!(
            !p.exposure_factor.is_zero() && !p.min_exposure.is_zero(),
            Error::<T>::ZeroExposure
        );
        ensure!(
            p.challenger_share <= MAX_SLASH_SHARE
                && p.compensation_share <= MAX_SLASH_SHARE
                && p.protocol_share <= MAX_PROTOCOL_SHARE,
            Error::<T>::ShareTooLarge
        );
        ensure!(!p.dispute.bond.is_zero(), Error::<T>::ZeroBond);
        // Who lies can gain what the job pays at most, which is the exposure divided by the factor.
        let times_exposure =
            u64::from(p.exposure_factor).saturating_mul(p.disproof_penalty.deconstruct().into());
        ensure!(
            !p.silence_penalty.is_zero()
                && p.disproof_penalty > p.silence_penalty
                && times_exposure >= Perbill::ACCURACY.into(),
            Error::<T>::PenaltyTooSmall
        );
        Ok(())
    }
}
