// A web server with files, which can be as bad as one likes.

import { createServer } from 'node:http';

/** Serves bytes by their path, with ranges. */
export class Web {
  constructor() {
    /** What is served: path to bytes. */
    this.files = new Map();
    /** Paths whose next answer breaks off after so many bytes. */
    this.breaks = new Map();
    /** The requests so far: `path` or `path from BYTE`. */
    this.requests = [];
    this.server = createServer((request, response) => this.answer(request, response));
  }

  start() {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(this)));
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  url(path) {
    return `http://127.0.0.1:${this.server.address().port}${path}`;
  }

  answer({ url, headers }, response) {
    const start = Number(headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    this.requests.push(start ? `${url} from ${start}` : url);
    const file = this.files.get(url);
    if (!file) return response.writeHead(404).end();
    const range = { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` };
    response.writeHead(start ? 206 : 200, { 'content-length': file.length - start, ...(start ? range : {}) });
    const end = this.breaks.get(url);
    if (end === undefined) return response.end(file.subarray(start));
    this.breaks.delete(url);
    return response.write(file.subarray(start, start + end), () => response.destroy());
  }
}
