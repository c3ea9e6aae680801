//! What a transaction carries beside its call.

use crate::{AccountId, Nonce, Runtime, RuntimeCall, Signature, System, UncheckedExtrinsic};
use codec::Encode;
use cumulus_pallet_weight_reclaim::StorageWeightReclaim;
use frame_metadata_hash_extension::CheckMetadataHash;
use frame_system::offchain::{
    AppCrypto, CreateAuthorizedTransaction, CreateSignedTransaction, CreateTransaction,
    CreateTransactionBase, SigningTypes,
};
use pallet_transaction_payment::ChargeTransactionPayment;
use sp_runtime::{
    generic::{self, Era},
    traits::Verify,
};

/// Blocks in which a transaction that the worker signs can be included.
const LIFE: u64 = 64;

/// The checks that every transaction passes, in this order. What is left of its weight is returned.
pub type TxExtension = StorageWeightReclaim<
    Runtime,
    (
        frame_system::AuthorizeCall<Runtime>,
        frame_system::CheckNonZeroSender<Runtime>,
        frame_system::CheckSpecVersion<Runtime>,
        frame_system::CheckTxVersion<Runtime>,
        frame_system::CheckGenesis<Runtime>,
        frame_system::CheckEra<Runtime>,
        frame_system::CheckNonce<Runtime>,
        frame_system::CheckWeight<Runtime>,
        ChargeTransactionPayment<Runtime>,
        CheckMetadataHash<Runtime>,
    ),
>;

impl<C> CreateTransactionBase<C> for Runtime
where
    RuntimeCall: From<C>,
{
    type Extrinsic = UncheckedExtrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<C> CreateTransaction<C> for Runtime
where
    RuntimeCall: From<C>,
{
    type Extension = TxExtension;

    fn create_transaction(call: RuntimeCall, extension: TxExtension) -> UncheckedExtrinsic {
        UncheckedExtrinsic::new_transaction(call, extension)
    }
}

impl<C> CreateAuthorizedTransaction<C> for Runtime
where
    RuntimeCall: From<C>,
{
    fn create_extension() -> TxExtension {
        extension(Era::Immortal, 0)
    }
}

impl SigningTypes for Runtime {
    type Public = <Signature as Verify>::Signer;
    type Signature = Signature;
}

impl<C> CreateSignedTransaction<C> for Runtime
where
    RuntimeCall: From<C>,
{
    fn create_signed_transaction<K: AppCrypto<Self::Public, Self::Signature>>(
        call: RuntimeCall,
        public: Self::Public,
        account: AccountId,
        nonce: Nonce,
    ) -> Option<UncheckedExtrinsic> {
        let parent = u64::from(System::block_number()).saturating_sub(1);
        let payload = SignedPayload::new(call, extension(Era::mortal(LIFE, parent), nonce)).ok()?;
        let signature = payload.using_encoded(|payload| K::sign(payload, public))?;
        let (call, extension, _) = payload.deconstruct();
        Some(UncheckedExtrinsic::new_signed(
            call,
            account.into(),
            signature,
            extension,
        ))
    }
}

/// What is signed of a transaction.
type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;

fn extension(era: Era, nonce: Nonce) -> TxExtension {
    StorageWeightReclaim::new((
        frame_system::AuthorizeCall::new(),
        frame_system::CheckNonZeroSender::new(),
        frame_system::CheckSpecVersion::new(),
        frame_system::CheckTxVersion::new(),
        frame_system::CheckGenesis::new(),
        frame_system::CheckEra::from(era),
        frame_system::CheckNonce::from(nonce),
        frame_system::CheckWeight::new(),
        ChargeTransactionPayment::from(0),
        CheckMetadataHash::new(false),
    ))
}
