using BenchmarkDotNet.Attributes;
using Tbrm.Tasks;

namespace Tbrm.Bench;

/// <summary>The prompt stage: one problem per operation.</summary>
public class TaskBench
{
    private IReasoningTask _task = null!;
    private long _index;

    [Params("chain_sum", "shortest_path", "quantum_lock", "countdown")]
    public string Task { get; set; } = "";

    [GlobalSetup]
    public void Setup() => _task = TaskRegistry.Create(Task);

    [Benchmark]
    public TaskItem Generate() => _task.Generate(_index++ % 1000);
}
