import Foundation

/// Runs an actor's jobs on one thread of its own.
///
/// Prefill and decoding compute for seconds without a pause: on the cooperative pool, which has one thread per core,
/// they would starve every other task.
package final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    // Sendable: `jobs` and `isStopped` are only touched under `condition`.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var isStopped = false

    /// Starts the thread; `stackSize` in bytes.
    package init(name: String, stackSize: Int = 8 << 20) {
        let thread = Thread { [runner = Runner(self)] in runner.run() }
        thread.name = name
        thread.stackSize = stackSize
        thread.start()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        condition.lock()
        jobs.append(unowned)
        condition.signal()
        condition.unlock()
    }

    /// Lets the thread end once its jobs are done. The executor must not be used afterwards.
    package func stop() {
        condition.lock()
        isStopped = true
        condition.signal()
        condition.unlock()
    }

    private func nextJob() -> UnownedJob? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty && !isStopped { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
    }

    /// The thread's body, apart so that starting the thread does not need a finished executor's closure.
    private final class Runner: @unchecked Sendable {
        private let executor: ThreadExecutor

        init(_ executor: ThreadExecutor) { self.executor = executor }

        func run() {
            while let job = executor.nextJob() {
                job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
    }
}
