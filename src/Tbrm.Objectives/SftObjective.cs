using System;

namespace Tbrm.Objectives;

/// <summary>Supervised fine-tuning: loss = -sum_b w_b sum_h log pi(a_h | s_h). With w_b = 1 / (tokens of the step) it is the token mean.</summary>
public sealed class SftObjective : IObjective
{
    /// <inheritdoc/>
    public string Name => "sft";

    /// <inheritdoc/>
    public ObjectiveNeeds Needs => new(ReferenceLogp: false);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(needsReference: false, needsReferenceValue: false);
        ObjectiveResult result = new(batch.RowCount, entropy: false);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            int begin = (int)batch.RowOffsets[b], end = (int)batch.RowOffsets[b + 1];
            for (int i = begin; i < end; i++)
            {
                result.Loss -= batch.Weight[b] * ((double)batch.Q[i] - batch.V[i]);
            }

            result.DQ.AsSpan(begin, end - begin).Fill(-batch.Weight[b]);
            result.DV.AsSpan(begin, end - begin).Fill(batch.Weight[b]);
        }

        return result;
    }
}
