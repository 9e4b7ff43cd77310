// Sends the same small story with one of the real clients: node send.mjs posthog|segment. Host, key and customer are in the environment.
import { PostHog } from 'posthog-node'
import { Analytics } from '@segment/analytics-node'

const { HOST, KEY, CUSTOMER } = process.env
const errors = []

async function posthog() {
  const client = new PostHog(KEY, { host: HOST, flushAt: 100, flushInterval: 50, fetchRetryDelay: 200 })
  client.on('error', (error) => errors.push(String(error)))
  for (let number = 0; number < 10; number++) {
    client.capture({ distinctId: 'ada', event: 'feature_used', properties: { feature: `f${number}`, password: 'hunter2' }, groups: { customer: CUSTOMER } })
  }
  client.identify({ distinctId: 'ada', properties: { plan: 'pro' } })
  client.alias({ distinctId: 'ada', alias: 'ada-before' })
  client.groupIdentify({ groupType: 'customer', groupKey: CUSTOMER, properties: { industry: 'shoes' } })
  client.capture({ distinctId: 'undefined', event: 'junk' })
  await client.shutdown(20_000)
}

async function segment() {
  const analytics = new Analytics({ writeKey: KEY, host: HOST, flushAt: 100, flushInterval: 50, maxRetries: 5 })
  analytics.on('error', (error) => errors.push(JSON.stringify(error)))
  for (let number = 0; number < 10; number++) {
    analytics.track({ userId: 'ada', event: 'feature_used', properties: { feature: `f${number}`, password: 'hunter2' }, context: { groupId: CUSTOMER } })
  }
  analytics.identify({ userId: 'ada', traits: { plan: 'pro' } })
  analytics.alias({ userId: 'ada', previousId: 'ada-before' })
  analytics.group({ userId: 'ada', groupId: CUSTOMER, traits: { industry: 'shoes' } })
  analytics.page({ userId: 'ada', name: 'Home', properties: { url: 'https://shop.test/' } })
  analytics.track({ userId: 'undefined', event: 'junk' })
  await analytics.closeAndFlush({ timeout: 20_000 })
}

// PostHog's client waits for its next try with timers that do not keep a process alive.
const alive = setInterval(() => {}, 1000)
await { posthog, segment }[process.argv[2]]()
clearInterval(alive)
console.log(JSON.stringify({ errors }))
