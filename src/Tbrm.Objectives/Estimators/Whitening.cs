using System;

namespace Tbrm.Objectives.Estimators;

/// <summary>Whitening over all rows that count, as verl's masked_whiten: (x - mean) / sqrt(var + 1e-8), var with n -
/// 1.</summary>
internal static class Whitening
{
    private const double LeastVariance = 1e-8;

    /// <summary>The whitened values; 0 in rows that do not count, and where there is one row alone (verl refuses
    /// it).</summary>
    public static double[] Of(ObjectiveBatch batch, double[] values)
    {
        double sum = 0, squares = 0;
        long count = 0;
        batch.ForEachRow(i =>
        {
            sum += values[i];
            count++;
        });
        double mean = sum / count;
        batch.ForEachRow(i => squares += (values[i] - mean) * (values[i] - mean));
        double scale = 1 / Math.Sqrt((count > 1 ? squares / (count - 1) : 0) + LeastVariance);
        double[] whitened = new double[values.Length];
        batch.ForEachRow(i => whitened[i] = (values[i] - mean) * scale);
        return whitened;
    }
}
