import t from 'tap'
import { createMemoryBackend } from '../../src/backends/memory.ts'
import { backendSuite } from './suite.ts'

backendSuite(t, 'memory', async (request) => createMemoryBackend(request))
