using BenchmarkDotNet.Running;
using Tbrm.Bench;
using Tbrm.Bench.Throughput;

// Benchmarks of the C# API: dotnet run -c Release --project bench/Tbrm.Bench -- --filter '*'
// One table of amounts per second: dotnet run -c Release --project bench/Tbrm.Bench -- throughput [TOKENIZER-FOLDER]
if (args is ["throughput", ..])
{
    ThroughputTable.Print(args.Length > 1 ? args[1] : null);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(ObjectiveBench).Assembly).Run(args);
}
