// A cable to a port of this machine, which can be cut.

import { connect, createServer } from 'node:net';

/** Forwards what comes to a port of its own. */
export class Cable {
  /** @param {(forward: (socket: import('node:net').Socket) => void) => import('node:net').Server} makeServer for the near end */
  constructor(port, makeServer = createServer) {
    this.sockets = new Set();
    this.isCut = false;
    this.server = makeServer((near) => this.forward(near, port));
  }

  forward(near, port) {
    if (this.isCut) return near.destroy();
    const far = connect(port, '127.0.0.1');
    far.on('data', (bytes) => {
      if (this.lastWords && bytes.includes(this.lastWords)) this.cut();
    });
    for (const [from, to] of [[near, far], [far, near]]) {
      this.sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy()).on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
    return undefined;
  }

  /** The number of the near end's port. */
  get port() {
    return this.server.address().port;
  }

  start() {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(this)));
  }

  /** Ends what goes through it, and lets nothing through any more. */
  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Cuts it as soon as the far end says something. */
  cutAt(words) {
    this.lastWords = words;
  }

  stop() {
    this.cut();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
