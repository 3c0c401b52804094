namespace Tbrm.Engine.Logprob;

/// <summary>Q, V, H of the rows of a batch, nats; H is empty unless it was asked for.</summary>
public sealed record Scores(float[] Q, float[] V, float[] H)
{
    /// <summary>log pi of row r, rounded as the rollout rounds it.</summary>
    public float Logp(int row) => Q[row] - V[row];
}
