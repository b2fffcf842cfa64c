import t, { type Test } from 'tap'
import { readKeys } from '../../src/settings/access-key.ts'
import type { ListReading } from '../../src/settings/list.ts'
import { readOrigins } from '../../src/settings/origin.ts'
import { readProxies } from '../../src/settings/proxy.ts'
import { loadSettings, type SettingsError } from '../../src/settings.ts'
import { checkTable } from '../table.ts'

/** Every one of these alone is one mistake, told in a sentence like this. */
function refuses(t: Test, read: (text: string) => ListReading<unknown>, cases: readonly (readonly [string, RegExp])[]): void {
  checkTable(t, cases.map(([text, message]) => {
    const { mistakes } = read(text)
    return [text, mistakes.length === 1 && message.test(mistakes[0]) ? 'one mistake' : mistakes, 'one mistake']
  }))
}

t.test('keys have characters that header, query and subprotocol can all carry', async (t) => {
  t.same(readKeys('a,  shop:B-._~9 ,x:y').items, [{ key: 'a' }, { name: 'shop', key: 'B-._~9' }, { name: 'x', key: 'y' }])
  t.same(readKeys('a'.repeat(512)).mistakes, [])
  refuses(t, readKeys, [...' +/=:"\'()<>@;\\[]?{}&%#!$^`|*é\u0000'].map((character) =>
    [`good,name:hush${character}hush`, /^key 2 must have 1 to 512 characters out of letters, digits and -\._~/]))
  refuses(t, readKeys, [
    ['a'.repeat(513), /^key 1 must/],
    ['name:', /^key 1 must/],
    [':key', /^the name of key 1 must/],
    ['a b:key', /^the name of key 1 must/],
    [`${'n'.repeat(65)}:key`, /^the name of key 1 must/]
  ])
  t.match(readKeys('bad!,good,:worse').mistakes, [/^key 1 /, /^the name of key 3 /])
})

t.test('a list without a key is a mistake at the start, and no mistake repeats a key', async (t) => {
  for (const name of ['WRITE_KEYS', 'READ_KEYS']) {
    const mistakes = (text: string): readonly string[] => {
      try {
        return loadSettings({ [name]: text }) && []
      } catch (error) {
        return (error as SettingsError).mistakes
      }
    }
    for (const text of ['', ' ', ',', ' , ,\t']) {
      t.match(mistakes(text), [new RegExp(`^${name}: there is no key in it; .* unset it`)], JSON.stringify(text))
    }
    t.equal(mistakes('top secret, sec=ret, secret:, :secret').length, 1, 'one line a setting')
    t.notMatch(mistakes('top secret, sec=ret, secret:, :secret')[0], /secret|sec=/)
  }
})

t.test('origins are what browsers send, or refused with a sentence [CORS-2]', async (t) => {
  const normalized: [string, string][] = [
    ['https://shop.example', 'https://shop.example'],
    ['HTTPS://Shop.Example', 'https://shop.example'],
    ['https://shop.example:443', 'https://shop.example'],
    ['http://shop.example:80', 'http://shop.example'],
    ['http://shop.example:443', 'http://shop.example:443'],
    ['https://shop.example/', 'https://shop.example'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://[0:0::1]:3000', 'http://[::1]:3000'],
    ['http://LOCALHOST:3000', 'http://localhost:3000'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
    ['*', '*']
  ]
  checkTable(t, normalized.map(([text, origin]) => [text, readOrigins(text), { items: [origin], mistakes: [] }]))
  t.same(readOrigins(' https://a.example , , * ').items, ['https://a.example', '*'])
  t.same(readOrigins('').mistakes, [], 'none is fine')
  refuses(t, readOrigins, [
    ['shop.example', /"shop\.example" is no origin; it begins with a scheme/],
    ['localhost:3000', /begins with a scheme/],
    ['//shop.example', /begins with a scheme/],
    ['null', /name the origins, or say \*/],
    ['https://*.shop.example', /wildcard/],
    ['https://shop.example/app', /after the host/],
    ['https://shop.example?a=b', /after the host/],
    ['https://shop.example#a', /after the host/],
    ['https://a.example b', /cannot be read/],
    ['https://', /cannot be read/],
    ['https:///', /cannot be read|no host/],
    ['https://shop.example:99999', /cannot be read/],
    ['https:\\\\shop.example', /begins with a scheme/],
    ['https://shop.example\\x', /cannot be read/],
    ['app://', /no host/],
    ['file:///home', /null for files/],
    ['wss://shop.example', /origin of the page/]
  ])
  const [mistake] = readOrigins('https://me:hidden@shop.example').mistakes
  t.match(mistake, /has a user in it/)
  t.notMatch(mistake, /hidden/)
})

t.test('proxies are addresses, ranges and two names [CORS-3]', async (t) => {
  t.same(readProxies('10.1.2.3, 192.0.2.0/24, ::1, fd00::/8').items, [
    { address: '10.1.2.3', prefix: 32 }, { address: '192.0.2.0', prefix: 24 }, { address: '::1', prefix: 128 }, { address: 'fd00::', prefix: 8 }
  ])
  t.same(readProxies('loopback').items.map(({ address, prefix }) => `${address}/${prefix}`), ['127.0.0.0/8', '::1/128'])
  t.same(readProxies('uniquelocal').items.length, 4)
  t.same(readProxies(''), { items: [], mistakes: [] })
  refuses(t, readProxies, [
    ['true', /"true" is no address.*everybody/],
    ['1', /"1" is no address.*everybody/],
    ['proxy.internal', /no address/],
    ['*', /no address/],
    ['0.0.0.0/0', /prefix of 1 to 32 bits/],
    ['::/0', /prefix of 1 to 128 bits/],
    ['10.0.0.0/33', /prefix of 1 to 32/],
    ['10.0.0.0/', /prefix/],
    ['10.0.0.0/08', /prefix/],
    ['10.0.0.0/8/8', /no address/],
    ['10.0.0.0/255.0.0.0', /prefix/],
    ['10.1.2', /no address/],
    ['fe80::1%eth0', /no address/]
  ])
})
