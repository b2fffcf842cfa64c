/**
 * Loaded by each test process ahead of tap's reports about processes (.taprc): no module is to be reported. tap sets this
 * variable itself when it starts a process, so it can't be set from outside. What the test starts has no part in this.
 */
process.env._TAPJS_PROCESSINFO_EXCLUDE_ = '/./'
delete process.env.NODE_OPTIONS
