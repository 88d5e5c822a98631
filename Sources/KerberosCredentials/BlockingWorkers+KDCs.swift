package import BlockingWork

extension BlockingWorkers {
    /// The process's shared threads for requests to KDCs.
    package static let kdcs = BlockingWorkers(
        limits: .init(maximumThreads: 32, maximumAbandoned: 64, maximumIdleThreads: 2))
}
