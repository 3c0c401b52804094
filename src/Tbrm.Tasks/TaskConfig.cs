using System.Numerics;
using Tbrm.Core.Errors;

namespace Tbrm.Tasks;

/// <summary>
/// What every task's parameters have. The records derived from it name theirs as the Python package does
/// (<c>MinTerms</c> is
/// <c>min_terms</c>), with the same defaults and the same conditions.
/// </summary>
public abstract record TaskConfig
{
    /// <summary>Item i is drawn from Seed + i. The package draws a seed when none is given; here it is 0.</summary>
    public BigInteger Seed { get; init; }

    /// <summary>How many items the set is said to have.</summary>
    public long Size { get; init; } = 500;

    /// <summary>Checks the parameters against each other.</summary>
    /// <exception cref="ConfigException">They contradict each other; the message names the condition that
    /// failed.</exception>
    internal abstract void Validate();

    /// <summary>Fails with the condition that does not hold.</summary>
    private protected static void Require(bool holds, string condition)
    {
        if (!holds)
        {
            throw new ConfigException(condition);
        }
    }
}
