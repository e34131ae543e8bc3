// flow.cjs RULE FILE - A flow as Node-RED's users draw it: lines of a file
// (file in), JSON (json), a topic filter (switch), a rule (function, with
// context), JSON again and standard output (file out).  Messages pass from
// node to node by direct calls, are never cloned, and the function's text is
// compiled once: what Node-RED adds for its users costs nothing here.
const fs = require('fs')

// The bodies of function nodes: msg in, msg, several or nothing out.
const functions = {
  look: `
    if (msg.payload.v < 990) return null
    return { payload: { topic: 'ALARM/' + msg.topic.split('/')[2] + '/High',
      t: msg.payload.t, d: { state: 'raised', v: msg.payload.v } } }`,
  state: `
    const key = msg.topic.split('/')[2]
    const state = context.get(key) || { n: 0, on: false }
    const on = state.on ? msg.payload.v >= 800 : msg.payload.v >= 990
    context.set(key, { n: state.n + 1, on })
    if (on === state.on) return null
    return { payload: { topic: 'ALARM/' + key + '/High', t: msg.payload.t,
      d: { state: on ? 'raised' : 'cleared', n: state.n + 1 } } }`
}

class Node {
  constructor () { this.wires = [] }
  send (msg) { for (const node of this.wires) node.input(msg) }
}

class Context {
  constructor () { this.map = new Map() }
  get (key) { return this.map.get(key) }
  set (key, value) { this.map.set(key, value) }
}

class Json extends Node {
  input (msg) {
    if (typeof msg.payload === 'string') {
      msg.payload = JSON.parse(msg.payload)
      msg.topic = msg.payload.topic
    } else {
      msg.payload = JSON.stringify(msg.payload)
    }
    this.send(msg)
  }
}

class Switch extends Node {
  constructor (pattern) { super(); this.pattern = pattern }
  input (msg) { if (this.pattern.test(msg.topic)) this.send(msg) }
}

class FunctionNode extends Node {
  constructor (body) {
    super()
    this.body = new Function('msg', 'context', body)
    this.context = new Context()
  }

  input (msg) {
    const out = this.body(msg, this.context)
    for (const each of Array.isArray(out) ? out : [out]) if (each) this.send(each)
  }
}

class Output extends Node {
  constructor () { super(); this.text = [] }
  input (msg) {
    this.text.push(msg.payload)
    if (this.text.length >= 1000) this.flush()
  }

  flush () {
    if (this.text.length) fs.writeSync(1, this.text.join('\n') + '\n')
    this.text = []
  }
}

function wire (...nodes) {
  nodes.reduce((from, to) => { from.wires.push(to); return to })
  return nodes[0]
}

const [rule, file] = process.argv.slice(2)
const output = new Output()
const filter = rule === 'match'
  ? /^MEASUREMENT\/ALARMING\/[^/]*\/Load$/ : /^MEASUREMENT\/[^/]*\/[^/]*\/Load$/
const first = wire(new Json(), new Switch(filter),
  new FunctionNode(functions[rule === 'match' ? 'look' : rule]), new Json(), output)
let rest = ''
const stream = fs.createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })
stream.on('data', text => {
  const lines = (rest + text).split('\n')
  rest = lines.pop()
  for (const line of lines) first.input({ payload: line })
})
stream.on('end', () => { output.flush() })
