// A provider claims what it did not compute. A node that watches finds the false step, the chain runs it, and the
// liar pays for everybody. An accusation of a right claim costs the accuser.

import assert from 'node:assert/strict';
import { alice, balance, bob, charlie, dave, eventsSince, eve, height, partOf, submit } from '../lib/chain.mjs';
import { falselyClaimedBy } from '../lib/claims.mjs';
import { digitsPackage, image } from '../lib/digits.mjs';
import { proofAbout, untilEnded, untilEvent } from '../lib/disputes.mjs';
import { journey } from '../lib/journey.mjs';
import { bobProvides, bobsClaim, charlieProvides, claim } from '../lib/liar.mjs';
import { priceOf, publishPackage, request, setParameters, untilJob } from '../lib/market.mjs';
import { statesOf } from '../lib/packages.mjs';

/** The step of the perceptron's five that Charlie claims falsely. */
const FALSE_STEP = 2;

journey('fraud', async ({ api, step }) => {
  const stakeOf = async ({ address }) => (await api.query.providers.providers(address)).unwrap().bonded.toBigInt();
  const model = digitsPackage('mlp');
  const { version } = await step('Alice has published a model', () => publishPackage(api, alice, model));
  const ask = async () => request(api, dave, version, image(0), { maxPrice: await priceOf(api, version) });

  const honest = await step('Bob provides, and his node has claimed a job', async () => {
    await bobProvides(api, version);
    return { ...(await bobsClaim(api, version, image(0))), states: statesOf(model, image(0)) };
  });

  const [worker, job] = await step('Charlie provides by hand, and has a job with the same input', async () => {
    await setParameters(api, alice, { claimDeadline: 60, challengeWindow: 30 });
    const worker = await charlieProvides(api, version);
    await submit(api, api.tx.providers.pause(), bob);
    const job = await ask();
    await untilJob(api, job, 'Assigned');
    await submit(api, api.tx.providers.resume(), bob);
    return [worker, job];
  });

  const firstBlock = (await height(api)) + 1;
  const before = { charlie: await stakeOf(charlie), dave: (await balance(api, dave)).all };
  const id = await step('his claim is right but for one state, and gets in', () =>
    claim(api, worker, job, falselyClaimedBy(honest, { provider: charlie, job, step: FALSE_STEP })));

  const proof = await step('a node that watches proves the step, without being told', async () => {
    const proof = await untilEvent(api, 'disputes.FraudProven', id, firstBlock);
    assert.equal(proof.step.toNumber(), FALSE_STEP);
    assert.ok(proof.fuel.toNumber() > 0, 'the chain ran the step');
    const [challenged] = await eventsSince(api, 'disputes.Challenged', firstBlock);
    assert.equal(proof.rewarded.toString(), challenged.challenger.toString());
    return proof;
  });

  await step('Charlie pays, the watcher and the requester get their parts, and the rest is burnt', async () => {
    const [{ slashed }] = await eventsSince(api, 'jobs.Disproved', firstBlock);
    const { challengerShare, compensationShare } = (await api.query.jobs.parameters()).toJSON();
    const part = (share) => partOf(slashed.toBigInt(), share);
    assert.equal(before.charlie - (await stakeOf(charlie)), slashed.toBigInt());
    assert.equal((await balance(api, dave)).all - before.dave, part(compensationShare));
    const rewards = await eventsSince(api, 'providers.Slashed', firstBlock);
    const watchers = rewards.find(({ beneficiary }) => beneficiary.eq(proof.rewarded));
    assert.equal(watchers.rewarded.toBigInt(), part(challengerShare));
  });

  await step('the bond comes back', async () => {
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'ProvenFalse');
    assert.equal(ended.challenger.toString(), proof.rewarded.toString());
    assert.ok(ended.returned.toBigInt() > 0n);
    assert.equal(ended.forfeited.toBigInt() + ended.burnt.toBigInt(), 0n);
  });

  await step('Bob answers instead', async () => {
    const info = await untilJob(api, job, 'Final', { seconds: 120 });
    assert.equal(info.status.asFinal.type, 'Answered');
    assert.equal(info.provider.unwrap().toString(), bob.address);
  });

  await step('a false accusation costs the accuser its bond, mostly to the provider', async () => {
    await submit(api, api.tx.providers.pause(), charlie);
    const [job, firstBlock] = [await ask(), await height(api)];
    await untilJob(api, job, 'Pending');
    const id = { job, attempt: 0 };
    await submit(api, api.tx.disputes.challenge(id), eve);
    const [{ bond }] = await eventsSince(api, 'disputes.Challenged', firstBlock);
    assert.equal((await api.call.disputesApi.challenges(id)).length, 1);
    const aboutCharlie = await proofAbout(api, proof.claim);
    await assert.rejects(submit(api, api.tx.disputes.proveFraud(id, aboutCharlie), eve), { name: 'disputes.WrongBefore' });
    const [ended] = await untilEnded(api, id, firstBlock);
    assert.equal(ended.ending.type, 'Abandoned');
    assert.equal(ended.forfeited.toBigInt() + ended.burnt.toBigInt(), bond.toBigInt());
    assert.ok(ended.forfeited.toBigInt() > ended.burnt.toBigInt());
    assert.equal((await untilJob(api, job, 'Final', { seconds: 120 })).status.asFinal.type, 'Answered');
  });
});
