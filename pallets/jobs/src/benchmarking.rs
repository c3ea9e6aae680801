//! Benchmarks of every call and of every transition of the agenda.

use crate::*;
use alloc::{vec, vec::Vec};
use assay_engine::{
    claim::{Claim, ClaimTerms, Opening},
    limits::{MAX_INPUT_LEN, MAX_OUTPUT_LEN, MAX_PUBLIC_STEPS},
    memory::{MemoryTree, Region},
    trace::{TraceId, TraceTree},
    State, Status,
};
use assay_primitives::{
    worker_key::{WorkerId, WorkerSignature},
    ClaimId, JobId, Price, Providers as _, VersionId, Versions as _,
};
use frame_benchmarking::v2::*;
use frame_support::{
    assert_ok,
    pallet_prelude::TransactionSource,
    traits::{
        fungible::{Inspect, Mutate},
        Authorize,
    },
    weights::Weight,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_runtime::{
    traits::{One, Saturating, Zero},
    RuntimeAppPublic,
};

/// A fee of which every share is above the existential deposit.
fn fee<T: Config>() -> BalanceOf<T> {
    T::Fungible::minimum_balance().saturating_mul(10_000u32.into())
}

/// A price that comes to half the fee.
fn price<T: Config>() -> Price<BalanceOf<T>> {
    Price {
        per_job: T::Fungible::minimum_balance().saturating_mul(5_000u32.into()),
        per_step: One::one(),
    }
}

/// What requesters pay at most: the fee.
fn max_price<T: Config>() -> Price<BalanceOf<T>> {
    Price {
        per_job: fee::<T>(),
        per_step: Zero::zero(),
    }
}

fn funded<T: Config>(name: &'static str) -> T::AccountId {
    let who = account(name, 0, 0);
    T::Fungible::set_balance(&who, fee::<T>().saturating_mul(1_000u32.into()));
    who
}

/// The first block, with every deposit on.
fn prepare<T: Config>() {
    frame_system::Pallet::<T>::set_block_number(One::one());
    let mut parameters = ParametersOf::<T>::default();
    parameters.deposit_base = One::one();
    parameters.deposit_per_byte = One::one();
    Parameters::<T>::put(parameters);
}

fn version<T: Config>(input_len: u32) -> VersionId {
    // The owner has no account: its royalty creates one.
    let owner = account("owner", 0, 0);
    T::Versions::benchmark_version(&owner, input_len, MAX_PUBLIC_STEPS)
}

fn exposure<T: Config>() -> BalanceOf<T> {
    Parameters::<T>::get().exposure(fee::<T>())
}

fn input(len: u32) -> Vec<u8> {
    vec![1; len as usize]
}

/// A job in the queue, off the agenda.
fn queued<T: Config>(version: VersionId, input_len: u32, named: Option<T::AccountId>) -> JobId {
    let requester = funded::<T>("requester");
    Pallet::<T>::do_request(&requester, version, input(input_len), max_price::<T>(), named).unwrap()
}

/// A job with the longest input that a named provider has, and the provider's key.
fn assigned<T: Config>() -> (JobId, T::AccountId, WorkerId) {
    prepare::<T>();
    let version = version::<T>(MAX_INPUT_LEN);
    let provider = funded::<T>("provider");
    let worker = WorkerId::generate_pair(None);
    T::Providers::benchmark_provider(&provider, worker.clone(), version, exposure::<T>());
    let id = queued::<T>(version, MAX_INPUT_LEN, Some(provider.clone()));
    next_due::<T>(id);
    Pallet::<T>::serve(id, frame_system::Pallet::<T>::block_number());
    assert!(AssignedTo::<T>::contains_key(&provider, id));
    (id, provider, worker)
}

/// Fills the offers of the version of `id`.
fn crowd<T: Config>(id: JobId) {
    let version = Jobs::<T>::get(id).unwrap().version;
    T::Providers::benchmark_fill_offers(version, T::Providers::max_offers(), exposure::<T>());
}

/// Goes to the block in which `id` is due, and takes it off the agenda.
fn next_due<T: Config>(id: JobId) -> BlockNumberFor<T> {
    let job = Jobs::<T>::get(id).unwrap();
    let due = job.due.unwrap();
    Pallet::<T>::unschedule(id, &job);
    frame_system::Pallet::<T>::set_block_number(due);
    due
}

/// A claim with `output_len` bytes of output and a trace of `hashes` states. No step of it is right.
fn claim_for<T: Config>(id: JobId, author: &T::AccountId, output_len: u32, hashes: u32) -> Claim {
    let version = T::Versions::terms(Jobs::<T>::get(id).unwrap().version).unwrap();
    let input = Inputs::<T>::get(id).unwrap();
    let terms = ClaimTerms {
        author: author.clone().into(),
        job: id,
        params_root: version.params_root.0,
        params_len: version.params_len,
        input: &input,
        max_steps: version.max_steps,
    };
    let mut memory = MemoryTree::at_start(terms.params_root, &input).ok().unwrap();
    memory.write(Region::Work.start(), &[1]).ok().unwrap();
    // Something beside the output on every level of the proof.
    for level in 2..28 {
        memory
            .write(Region::Output.start() + (4096 << level), &[1])
            .ok()
            .unwrap();
    }
    memory
        .write(Region::Output.start(), &vec![1; output_len as usize])
        .ok()
        .unwrap();
    let chunks = (0..output_len.div_ceil(4096))
        .map(|chunk| Region::Output.first_chunk() + chunk)
        .collect();
    let output = memory.prove(&chunks).ok().unwrap();
    let end = State {
        pc: 1,
        status: Status::Halted { output_len },
        params_len: version.params_len,
        input_len: input.len() as u64,
        memory_root: memory.root(),
    };
    let mut states = vec![[1; 32]; hashes as usize];
    *states.first_mut().unwrap() = terms.start();
    *states.last_mut().unwrap() = end.hash();
    let id = TraceId {
        author: terms.author,
        job: id,
    };
    Claim {
        steps: u64::from(hashes) - 1,
        trace_root: TraceTree::new(id, &states).root(),
        opening: Opening::Whole(id.leaves(&states).collect()),
        end,
        output,
    }
}

fn signed<T: Config>(id: JobId, worker: &WorkerId, claim: &Claim) -> WorkerSignature {
    worker.sign(&Pallet::<T>::claim_payload(id, claim)).unwrap()
}

/// A job with the longest input and output whose claim is in, at a price.
fn claimed<T: Config>() -> JobId {
    let (id, provider, worker) = assigned::<T>();
    let claim = claim_for::<T>(id, &provider, MAX_OUTPUT_LEN, MAX_CLAIM_HASHES);
    let signature = signed::<T>(id, &worker, &claim);
    assert_ok!(Pallet::<T>::do_claim(id, &claim, &signature));
    Jobs::<T>::mutate(id, |job| {
        if let Some(Job {
            state: JobState::Claimed { price: found, .. },
            ..
        }) = job
        {
            *found = price::<T>();
        }
    });
    id
}

/// A claim as [`claimed`] makes it, but of `program`, with so many steps and this trace root.
pub(crate) fn insert_claim<T: Config>(
    program: H256,
    steps: u64,
    root: &dyn Fn(&T::AccountId, JobId) -> H256,
) -> ClaimId {
    let id = claimed::<T>();
    crowd::<T>(id);
    Jobs::<T>::mutate(id, |job| {
        if let Some(Job {
            state: JobState::Claimed { claim, provider, .. },
            ..
        }) = job
        {
            claim.program = program;
            claim.steps = steps;
            claim.trace_root = root(provider, id);
        }
    });
    ClaimId { job: id, attempt: 0 }
}

#[benchmarks]
mod benches {
    use super::*;

    #[benchmark]
    fn request(i: Linear<0, MAX_INPUT_LEN>) {
        prepare::<T>();
        let version = version::<T>(i);
        T::Providers::benchmark_fill_offers(version, T::Providers::max_offers(), exposure::<T>());
        let requester = funded::<T>("requester");

        #[extrinsic_call]
        _(
            RawOrigin::Signed(requester),
            version,
            input(i),
            max_price::<T>(),
            None,
        );

        assert_eq!(Jobs::<T>::iter().count(), 1);
    }

    #[benchmark]
    fn cancel() {
        prepare::<T>();
        let version = version::<T>(MAX_INPUT_LEN);
        let id = queued::<T>(version, MAX_INPUT_LEN, None);
        let requester = Jobs::<T>::get(id).unwrap().requester;

        #[extrinsic_call]
        _(RawOrigin::Signed(requester), id);

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn claim(o: Linear<0, MAX_OUTPUT_LEN>, l: Linear<2, MAX_CLAIM_HASHES>) {
        let (id, provider, worker) = assigned::<T>();
        let made = claim_for::<T>(id, &provider, o, l);
        let signature = signed::<T>(id, &worker, &made);

        #[extrinsic_call]
        _(RawOrigin::Authorized, id, made, signature);

        assert!(Outputs::<T>::contains_key(id));
    }

    #[benchmark]
    fn authorize_claim(o: Linear<0, MAX_OUTPUT_LEN>, l: Linear<2, MAX_CLAIM_HASHES>) {
        let (id, provider, worker) = assigned::<T>();
        let made = claim_for::<T>(id, &provider, o, l);
        let signature = signed::<T>(id, &worker, &made);
        let call = Call::<T>::claim {
            job: id,
            claim: made,
            signature,
        };

        #[block]
        {
            assert!(call.authorize(TransactionSource::External).unwrap().is_ok());
        }
    }

    /// The version is one of which the chain has not seen the params.
    #[benchmark]
    fn decline() {
        let (id, _, worker) = assigned::<T>();
        crowd::<T>(id);
        let signature = worker.sign(&Pallet::<T>::decline_payload(id)).unwrap();

        #[extrinsic_call]
        _(RawOrigin::Authorized, id, signature);

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn authorize_decline() {
        let (id, _, worker) = assigned::<T>();
        let signature = worker.sign(&Pallet::<T>::decline_payload(id)).unwrap();
        let call = Call::<T>::decline { job: id, signature };

        #[block]
        {
            assert!(call.authorize(TransactionSource::External).unwrap().is_ok());
        }
    }

    #[benchmark]
    fn advance() {
        let id = claimed::<T>();
        let due = Jobs::<T>::get(id).unwrap().due.unwrap();
        frame_system::Pallet::<T>::set_block_number(due);
        let caller = whitelisted_caller();

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), id);

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn set_parameters() {
        let parameters = ParametersOf::<T>::default();

        #[extrinsic_call]
        _(RawOrigin::Root, parameters);

        assert!(Parameters::<T>::exists());
    }

    #[benchmark]
    fn agenda_base() {
        let now: BlockNumberFor<T> = 10u32.into();
        NextDue::<T>::put(now.saturating_add(One::one()));

        #[block]
        {
            Pallet::<T>::serve_agenda(now, Weight::MAX);
        }

        assert!(NextDue::<T>::get().is_some_and(|next| next > now));
    }

    #[benchmark]
    fn agenda_look() {
        let now: BlockNumberFor<T> = 10u32.into();
        Agenda::<T>::insert(now, 7, ());
        let found;

        #[block]
        {
            found = Agenda::<T>::drain_prefix(now).next();
        }

        assert_eq!(found, Some((7, ())));
    }

    #[benchmark]
    fn due_assign(n: Linear<1, { T::Providers::max_offers() }>) {
        prepare::<T>();
        let version = version::<T>(MAX_INPUT_LEN);
        T::Providers::benchmark_fill_offers(version, n, exposure::<T>());
        let id = queued::<T>(version, MAX_INPUT_LEN, None);
        let tried = (1..u32::from(MAX_ATTEMPTS))
            .map(|n| account("tried", n, 0))
            .collect::<Vec<T::AccountId>>();
        Jobs::<T>::mutate(id, |job| job.as_mut().unwrap().tried = tried.try_into().unwrap());
        let now = next_due::<T>(id);

        #[block]
        {
            Pallet::<T>::serve(id, now);
        }

        assert!(matches!(
            Jobs::<T>::get(id).unwrap().state,
            JobState::Assigned { .. }
        ));
    }

    #[benchmark]
    fn due_expire() {
        prepare::<T>();
        let version = version::<T>(MAX_INPUT_LEN);
        let id = queued::<T>(version, MAX_INPUT_LEN, None);
        next_due::<T>(id);
        let late = Parameters::<T>::get().queue_deadline.saturating_add(10u32.into());
        frame_system::Pallet::<T>::set_block_number(late);

        #[block]
        {
            Pallet::<T>::serve(id, late);
        }

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn due_time_out() {
        // The provider was named, so that the job ends with it.
        let (id, ..) = assigned::<T>();
        crowd::<T>(id);
        let now = next_due::<T>(id);

        #[block]
        {
            Pallet::<T>::serve(id, now);
        }

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn due_finalize() {
        let id = claimed::<T>();
        crowd::<T>(id);
        let now = next_due::<T>(id);

        #[block]
        {
            Pallet::<T>::serve(id, now);
        }

        assert!(Receipts::<T>::contains_key(id));
    }

    #[benchmark]
    fn due_prune() {
        let id = claimed::<T>();
        let now = next_due::<T>(id);
        Pallet::<T>::serve(id, now);
        assert!(Outputs::<T>::contains_key(id));

        #[block]
        {
            Pallet::<T>::serve(id, now);
        }

        assert!(!Outputs::<T>::contains_key(id));
    }

    impl_benchmark_test_suite!(
        Pallet,
        crate::mock::ExtBuilder::default().build(),
        crate::mock::Test
    );
}
