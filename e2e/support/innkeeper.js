// Starts Innkeeper as its users do: the binary, a data folder, a port. Also asks its command line for things.
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The binary under test. */
export const binary = () =>
  process.env.INNKEEPER_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'debug/innkeeper');

/** What Innkeeper gets to see of our environment: it refuses settings that it does not know. */
export function environment(settings = {}) {
  const { INNKEEPER_BIN, INNKEEPER_URL, INNKEEPER_DATA, INNKEEPER_LISTEN, ...rest } = process.env;
  return { ...rest, RUST_BACKTRACE: '0', ...settings };
}

/** A variable that says where a service is; without it no test can tell anything. */
export function need(name) {
  if (!process.env[name]) throw new Error(`${name} is not set: run \`scripts/services.sh up\` and \`. target/run/env\``);
  return process.env[name];
}

/** Mail goes to the sink of `scripts/services.sh`. */
export function mailSettings() {
  const [host, port] = need('INNKEEPER_TEST_SMTP').split(':');
  return { INNKEEPER_MAIL__HOST: host, INNKEEPER_MAIL__PORT: port, INNKEEPER_MAIL__SECURITY: 'none' };
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts a server and waits until its output fits `ready`.
 * Returns what fitted and a function that stops it and waits for its end.
 */
export async function start({ command, data, settings, ready, limit }) {
  const child = spawn(binary(), ['--data', data, ...command], { env: environment(settings), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  const found = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready within ${limit} s:\n${output}`)), limit * 1000);
    const look = (bytes) => {
      output += bytes;
      const match = output.match(ready);
      if (match) {
        clearTimeout(timer);
        resolve(match);
      }
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('error', reject);
    void ended.then((code) => reject(new Error(`Innkeeper ended with ${code}:\n${output}`)));
  }).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 25_000);
    await ended;
    clearTimeout(timer);
  };
  return { found, stop };
}

/** Asks the command line, answers its JSON. */
export async function ask(data, args, input) {
  const asked = run(binary(), ['--data', data, '--json', ...args], { env: environment() });
  asked.child.stdin.end(input ?? '');
  return JSON.parse((await asked).stdout);
}

/** A link that signs a person in once, at the address where the tests find the house. */
export async function signInLink(url, data, email) {
  const { sign_in_link: link } = await ask(data, ['member', 'link', email]);
  return url + new URL(link).pathname;
}
