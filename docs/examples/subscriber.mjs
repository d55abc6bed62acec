// A subscriber: drops doubles by ce_id and prints each call's timeline whenever it grows. Usage: node subscriber.mjs BROKER GROUP

import { Consumer, MessagesStreamModes, stringDeserializers } from '@platformatic/kafka'
import { Kafka } from 'cloudevents'

const [broker, groupId] = process.argv.slice(2)
const consumer = new Consumer({
  clientId: groupId,
  groupId,
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
  autocommit: false // commit once the work is done: at least once, never at most once
})
const seen = new Set() // a real subscriber keeps it with its data, for as long as the topic keeps events: 30 days
const timelines = new Map()

const messages = await consumer.consume({ topics: ['call-events'], mode: MessagesStreamModes.COMMITTED, fallbackMode: 'earliest' })
for await (const message of messages) {
  const event = Kafka.toEvent({ key: message.key, headers: Object.fromEntries(message.headers), value: message.value })
  if (!seen.has(event.id)) {
    seen.add(event.id)
    const timeline = timelines.get(event.subject) ?? new Map()
    timelines.set(event.subject, timeline.set(event.data.sequence, `${event.data.occurred_at} ${event.type}`))
    const lines = [...timeline].sort(([one], [other]) => one - other).map(([number, line]) => `${number} ${line}`)
    console.log(JSON.stringify({ [event.subject]: lines }))
  }
  await message.commit()
}
