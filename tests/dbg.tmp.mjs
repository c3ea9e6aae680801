import { connect, alice, bob } from './lib/chain.mjs';
const t0=Date.now(); const T=()=>((Date.now()-t0)/1000).toFixed(1);
const api = await connect('ws://127.0.0.1:36185'); console.log(T(),'connected', api.runtimeChain?.toString());
console.log(Object.keys(api.call).filter(k=>/Api/.test(k)).join());
const c = api.tx.system.remark('0x1234');
const u = await c.signAndSend(bob, {nonce:-1}, (r)=>{ console.log(T(), r.status.type, r.isInBlock, r.dispatchError?.toString()); });
await new Promise(r=>setTimeout(r,8000)); 
const h=await api.rpc.chain.getHeader(); console.log(h.number.toNumber());
await api.disconnect(); process.exit(0);
