package import BlockingWork

extension BlockingWorkers {
    /// The process's threads for what asks KDCs, for those who bring none of their own.
    package static let kdcs = BlockingWorkers(
        limits: .init(maximumThreads: 32, maximumAbandoned: 64, maximumIdleThreads: 2))
}
