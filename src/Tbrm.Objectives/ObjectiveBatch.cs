using System;

namespace Tbrm.Objectives;

/// <summary>
/// One micro-batch as an objective sees it: B trajectories over R scored rows, one row per response token (and, where
/// <see cref="Bootstrap"/> says so, one more row for the state after the last token). Trajectory b owns rows
/// [<see cref="RowOffsets"/>[b], <see cref="RowOffsets"/>[b+1]). Log-probabilities, Q, V and H are in nats.
/// </summary>
public sealed record ObjectiveBatch
{
    /// <summary>[B+1], ascending from 0 to R.</summary>
    public required long[] RowOffsets { get; init; }

    /// <summary>z[a], the logit of the token that was taken, [R].</summary>
    public required float[] Q { get; init; }

    /// <summary>logsumexp(z), [R].</summary>
    public required float[] V { get; init; }

    /// <summary>Entropy of softmax(z), [R]; empty when the objective does not ask for it.</summary>
    public float[] H { get; init; } = [];

    /// <summary>log pi_ref of the taken token, [R]; empty when the objective does not ask for it.</summary>
    public float[] RefLogp { get; init; } = [];

    /// <summary>V_ref(s_1), [B]; empty when the objective does not ask for it.</summary>
    public float[] RefV1 { get; init; } = [];

    /// <summary>log pi of the policy that drew the token, as the rollout recorded it, [R]; empty when not asked for.</summary>
    public float[] RolloutLogp { get; init; } = [];

    /// <summary>Outcome reward, task units, [B].</summary>
    public required float[] Reward { get; init; }

    /// <summary>Weight of the trajectory in the mean over the whole step: 1/|D|, or 0 for a dropped one, [B].</summary>
    public required float[] Weight { get; init; }

    /// <summary>Whether the last row is V(s_{H+1}) of a truncated response and no action, [B]; empty when there is none.</summary>
    public bool[] Bootstrap { get; init; } = [];

    /// <summary>B.</summary>
    public int TrajectoryCount => RowOffsets.Length - 1;

    /// <summary>R.</summary>
    public int RowCount => Q.Length;

    /// <summary>Throws ArgumentException, naming the numbers, unless the arrays fit one another.</summary>
    public void Check(bool needsReference, bool needsReferenceValue)
    {
        int b = TrajectoryCount, r = RowCount;
        Require(b >= 0 && RowOffsets[0] == 0 && RowOffsets[^1] == r, $"row offsets must run from 0 to R={r}");
        for (int i = 0; i < b; i++)
        {
            Require(RowOffsets[i] <= RowOffsets[i + 1], $"row offsets descend at trajectory {i}");
        }

        Require(V.Length == r, $"V has {V.Length} rows, Q has {r}");
        Require(Reward.Length == b && Weight.Length == b, $"rewards ({Reward.Length}) and weights ({Weight.Length}) must be B={b}");
        Require(!needsReference || RefLogp.Length == r, $"reference log-probs: expected {r}, found {RefLogp.Length}");
        Require(!needsReferenceValue || RefV1.Length == b, $"reference values of the first state: expected {b}, found {RefV1.Length}");
        Require(Bootstrap.Length == b || Bootstrap.Length == 0, $"bootstrap flags: expected {b} or none, found {Bootstrap.Length}");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException("objective batch: " + message);
        }
    }
}
