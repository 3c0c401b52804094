using System;
using System.Linq;
using System.Threading;

namespace Tbrm.Fuzz.Targets;

/// <summary>A reader with every kind of defect: what the campaign must find is known beforehand.</summary>
internal sealed class FaultyTarget : IFuzzTarget
{
    /// <summary>Its name; not offered in the help.</summary>
    public const string TargetName = "faulty";

    /// <summary>First bytes of the inputs that go wrong.</summary>
    public enum Fault
    {
        /// <summary>None.</summary>
        None,

        /// <summary>Recursion without end, which ends the process.</summary>
        Overflow,

        /// <summary>No return.</summary>
        Hang,

        /// <summary>An exception that no reader documents.</summary>
        Exception,

        /// <summary>More memory than allowed, in garbage.</summary>
        Garbage,

        /// <summary>More memory than there is.</summary>
        Memory,
    }

    /// <inheritdoc/>
    public string Name => TargetName;

    /// <inheritdoc/>
    public long AllocationLimit => 64 << 20;

    /// <inheritdoc/>
    public byte[] Create(Random random) => [(byte)random.Next(8)];

    /// <inheritdoc/>
    public bool Run(byte[] input)
    {
        switch ((Fault)input[0])
        {
            case Fault.Overflow:
                return Descend(input[0]) > 0;
            case Fault.Hang:
                Thread.Sleep(Timeout.Infinite);
                return true;
            case Fault.Exception:
                throw new InvalidOperationException("not documented");
            case Fault.Garbage:
                return Enumerable.Range(0, 100).Sum(_ => new byte[1 << 20].Length) > 0;
            case Fault.Memory:
                return new long[1 << 30].Length > 0;
            default:
                return input[0] % 2 == 0;
        }
    }

    private static int Descend(int depth) => depth == int.MaxValue ? 0 : Descend(depth + 1) + Descend(depth ^ 1);
}
