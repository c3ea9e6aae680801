// Talks to a node: connections, transactions, their errors by name, balances.

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { compactStripLength, stringToU8a } from '@polkadot/util';
import { encodeAddress } from '@polkadot/util-crypto';
import { until } from './wait.mjs';

// Transaction extensions without a payload of their own.
const signedExtensions = {
  AuthorizeCall: { extrinsic: {}, payload: {} },
  StorageWeightReclaim: { extrinsic: {}, payload: {} },
};

const connections = new Set();

/** Connects to a node that listens. */
export async function connect(url) {
  const api = await ApiPromise.create({ provider: new WsProvider(url), signedExtensions, noInitWarn: true });
  connections.add(api);
  return api;
}

/** Ends all connections, without which a process does not end. */
export async function disconnectAll() {
  await Promise.all([...connections].map((api) => api.disconnect()));
  connections.clear();
}

const keyring = new Keyring({ type: 'sr25519' });

/** What tells this process's accounts from those of others, where ASSAY_NEW_ACCOUNTS is set. */
const SALT = process.env.ASSAY_NEW_ACCOUNTS && `${Date.now()}-${process.pid}`;

/** Whether this process has accounts of its own. */
export const SALTED = Boolean(SALT);

/** The secret that is used instead of a well-known one: the same, or one that nobody has used before. Root stays who it is. */
export const own = (secret) => (SALT && secret !== '//Alice' ? `${secret}//${SALT}` : secret);

/** The account of a secret as it is. */
export const accountOf = (secret) => keyring.addFromUri(secret);

/** The account of a secret that is this process's own: `//Alice`, or a mnemonic. */
export const account = (secret) => accountOf(own(secret));

/** Accounts that have funds at genesis. */
export const [alice, bob, charlie, dave, eve, ferdie] = ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie'].map(
  (name) => account(`//${name}`),
);

/** The bytes that a runtime API returns: polkadot.js leaves them encoded, with their length in front. */
export const returnedBytes = (bytes) => compactStripLength(bytes.toU8a(true))[1];

/** The same of an `Option<Bytes>` that is there. */
export const optionalBytes = (option) => compactStripLength(option.unwrap().toU8a(true).subarray(1))[1];

/** All, in the parts in which the chain counts shares. */
export const ALL = 1_000_000_000n;

/** The share of an amount. */
export const partOf = (amount, share) => (amount * BigInt(share)) / ALL;

/** The account that receives the protocol's share. Nobody has its key. */
export const protocol = { address: encodeAddress(stringToU8a('modlassay/pr'.padEnd(32, '\0'))) };

/** A transaction that was refused. `name` is `pallet.Error`, or `pool` where it never got into a block. */
export class Refused extends Error {
  constructor(name, message, fee = 0n) {
    super(message);
    this.name = name;
    this.fee = fee;
  }
}

/**
 * Signs a call, submits it and waits until it is in a block. `options` are those of the signature.
 * @returns {Promise<{fee: bigint, events: import('@polkadot/types/interfaces').Event[]}>}
 * @throws {Refused}
 */
export async function submit(api, call, signer, options) {
  const { dispatchError, events } = await inBlock(api, call, signer, options);
  const fee = feeOf(api, events);
  const failure = dispatchError ?? innerFailure(api, events);
  if (failure) throw refusedBy(api, failure, fee);
  return { fee, events: events.map(({ event }) => event) };
}

// A block was replaced by another, and the account's last transaction is in the pool again, or its number is that of the block before.
// The pool took nothing then: what is refused for it is signed again.
const NOT_YET = ['Priority is too low', 'Transaction is outdated'];
// What the pool says of one that it took and has no place for any more. It may be in a block, by way of another node.
const DROPPED = ['Invalid', 'Usurped', 'Dropped'];
/** A transaction that was dropped is in one of so many newest blocks, or in none. */
const RECENT = 8;

async function inBlock(api, call, signer, options) {
  return until('the pool to be where the chain is', async () => {
    try {
      return await sent(call, signer, options);
    } catch (error) {
      if (DROPPED.includes(error.message)) return includedLately(api, call.hash);
      if (NOT_YET.some((reason) => error.message.includes(reason))) return undefined;
      throw error;
    }
  }, { pause: 500 });
}

/** What came of a transaction that one of the newest blocks has. */
async function includedLately(api, hash) {
  let header = await api.rpc.chain.getHeader();
  for (let age = 0; age < RECENT && !header.number.isZero(); age++) {
    const { block } = await api.rpc.chain.getBlock(header.hash);
    const index = block.extrinsics.findIndex((extrinsic) => extrinsic.hash.eq(hash));
    if (index >= 0) return resultAt(await api.at(header.hash), index);
    header = await api.rpc.chain.getHeader(header.parentHash);
  }
  return undefined;
}

async function resultAt(api, index) {
  const all = await api.query.system.events();
  const events = all.filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.eq(index));
  const failed = events.find(({ event }) => api.events.system.ExtrinsicFailed.is(event));
  return { events, dispatchError: failed?.event.data[0] };
}

// Immortal: what names a recent block is signed badly where another takes that block's place.
function sent(call, signer, options) {
  return new Promise((resolve, reject) => {
    call
      .signAndSend(signer, { nonce: -1, era: 0, ...options }, (result) => {
        if (result.isInBlock || result.isFinalized) resolve(result);
        else if (result.isError) reject(new Refused('pool', `${result.status.type}`));
      })
      .catch((error) => reject(new Refused('pool', error.message)));
  });
}

function feeOf(api, events) {
  const paid = events.find(({ event }) => api.events.transactionPayment.TransactionFeePaid.is(event));
  return paid ? paid.event.data.actualFee.toBigInt() : 0n;
}

// A call inside of `sudo` fails in an event.
function innerFailure(api, events) {
  const sudid = events.find(({ event }) => api.events.sudo.Sudid.is(event));
  const result = sudid?.event.data[0];
  return result?.isErr ? result.asErr : undefined;
}

function refusedBy(api, failure, fee) {
  if (!failure.isModule) return new Refused(failure.type, failure.toString(), fee);
  const { section, name, docs } = api.registry.findMetaError(failure.asModule);
  return new Refused(`${section}.${name}`, docs.join(' '), fee);
}

/** The data of the one event `pallet.Name` among some. */
export function find(events, name) {
  const found = events.find(({ section, method }) => `${section}.${method}` === name);
  if (!found) throw new Error(`no event ${name} among ${events.map((event) => `${event.section}.${event.method}`)}`);
  return found.data;
}

/** The number of the newest block. */
export async function height(api) {
  return (await api.rpc.chain.getHeader()).number.toNumber();
}

/** The number of the newest block that is final. */
export async function finalHeight(api) {
  return (await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead())).number.toNumber();
}

/** Waits until block `number` is there. */
export function reached(api, number) {
  return until(`block ${number}`, async () => (await height(api)) >= number);
}

/** The events of the blocks from `first` to `last` by the name `pallet.Name`. */
export async function eventsNamed(api, name, first, last) {
  const found = [];
  for (let number = first; number <= last; number++) {
    const at = await api.at(await api.rpc.chain.getBlockHash(number));
    for (const { event } of await at.query.system.events()) {
      if (`${event.section}.${event.method}` === name) found.push({ number, data: event.data });
    }
  }
  return found;
}

/** The arguments of the first call in block `number` of a kind of transaction, as `api.tx` has it, that `fits`. */
export async function callInBlock(api, number, kind, fits) {
  const { block } = await api.rpc.chain.getBlock(await api.rpc.chain.getBlockHash(number));
  return block.extrinsics.map(({ method }) => method).find((call) => kind.is(call) && fits(call.args))?.args;
}

/**
 * The transactions that call a pallet, in the blocks from `first` to the newest, with what the chain spent on each.
 * @returns {Promise<{number: number, call: string, bytes: number, weight: {refTime: bigint, proofSize: bigint}}[]>}
 */
export async function callsSince(api, pallet, first) {
  const found = [];
  for (let number = first; number <= (await height(api)); number++) {
    const hash = await api.rpc.chain.getBlockHash(number);
    const { block } = await api.rpc.chain.getBlock(hash);
    const events = await (await api.at(hash)).query.system.events();
    block.extrinsics.forEach(({ method, encodedLength }, index) => {
      if (method.section === pallet) {
        found.push({ number, call: method.method, bytes: encodedLength, weight: weightOf(api, events, index) });
      }
    });
  }
  return found;
}

function weightOf(api, events, index) {
  const ofExtrinsic = events.filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.eq(index));
  const { ExtrinsicSuccess, ExtrinsicFailed } = api.events.system;
  const end = ofExtrinsic.find(({ event }) => ExtrinsicSuccess.is(event) || ExtrinsicFailed.is(event));
  const { refTime, proofSize } = end.event.data.at(-1).weight;
  return { refTime: refTime.toBigInt(), proofSize: proofSize.toBigInt() };
}

/** The data of the events by that name in the blocks from `first` to the newest. */
export async function eventsSince(api, name, first) {
  return (await eventsNamed(api, name, first, await height(api))).map(({ data }) => data);
}

/**
 * Plancks of an account.
 * @returns {Promise<{free: bigint, held: bigint, all: bigint}>}
 */
export async function balance(api, { address }) {
  const { free, reserved } = (await api.query.system.account(address)).data;
  const [all, held] = [free.toBigInt() + reserved.toBigInt(), reserved.toBigInt()];
  return { free: free.toBigInt(), held, all };
}

/** Plancks of whole tokens. */
export function tokens(api, amount) {
  return BigInt(Math.round(amount * 1e6)) * 10n ** BigInt(api.registry.chainDecimals[0] - 6);
}

/** An amount as a reader likes it: `1.25 ASSAY`. */
export function inTokens(api, plancks) {
  const decimals = api.registry.chainDecimals[0];
  const digits = plancks.toString().padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  return `${digits.slice(0, -decimals)}${fraction && `.${fraction}`} ${api.registry.chainTokens[0]}`;
}
