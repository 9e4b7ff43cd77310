// Docker from outside, as an operator uses it: to break what the pages must tell of.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const docker = async (...args) => (await run('docker', args)).stdout.trim();

/** Lets a container write lines, as its first process does. */
export async function write(id, ...lines) {
  await docker('exec', id, 'sh', '-c', 'for line; do printf "%s\\n" "$line" > /proc/1/fd/1; done', 'sh', ...lines);
}

/** The container of a site's service, by label: names are a matter of the product. */
export async function container(site, service) {
  const id = await docker('ps', '-aq', '--filter', `label=innkeeper.site=${site}`, '--filter', `label=innkeeper.service=${service}`);
  if (!/^[0-9a-f]+$/.test(id)) throw new Error(`site ${site} should have one container \`${service}\`, not: ${id}`);
  return id;
}
