// enocean.cjs DEVICES PACKETS - enocean-js decodes the telegrams: prints how
// many, the sum of the temperatures, and seconds.
const fs = require('fs')
const { ESP3Parser } = require('enocean-js')

const profile = new Map()
for (const row of fs.readFileSync(process.argv[2], 'utf8').split('\n').slice(1)) {
  const [sender, id] = row.split(',')
  if (id) profile.set(sender.toLowerCase(), id.toLowerCase())
}

let n = 0, failed = 0, sum = 0
const begin = process.hrtime.bigint()
const parser = new ESP3Parser()
parser.on('data', telegram => {
  if (telegram.packetType !== 1) return
  try {
    const id = profile.get(telegram.senderId)
    const fields = telegram.decode(id)
    if (id === 'a5-02-05') sum += fields.TMP.value
    n++
  } catch (error) {
    if (failed++ === 0) console.error(error.message)
  }
})
parser.on('end', () => {
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9
  console.log(n, sum.toFixed(0), seconds.toFixed(6), failed)
})
fs.createReadStream(process.argv[3]).pipe(parser)
