namespace Tbrm.Objectives;

/// <summary>Supervised fine-tuning: loss = -sum_b w_b sum_h log pi(a_h | s_h). With w_b = 1 / (tokens of the step) it
/// is the token mean.</summary>
public sealed class SftObjective : IObjective
{
    /// <inheritdoc/>
    public Needs Needs => Needs.None;

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end && !batch.IsDropped(b); i++)
            {
                if (batch.Counts(i))
                {
                    result.Loss -= batch.WeightOf(b) * batch.LogPi(i);
                    result.AddLogp(i, -batch.WeightOf(b));
                }
            }
        }

        return result;
    }
}
