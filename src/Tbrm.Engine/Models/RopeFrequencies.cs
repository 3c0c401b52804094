using System;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Engine;

/// <summary>
/// Rotations per position for every pair of a head, after the scaling that a checkpoint's <c>rope_scaling</c> asks for. Formulas as in
/// transformers' modeling_rope_utils: none, linear, llama3, yarn.
/// </summary>
/// <param name="InverseFrequencies">[head_dim / 2], radians per position.</param>
/// <param name="AttentionFactor">Multiplies cos and sin.</param>
public sealed record RopeFrequencies(float[] InverseFrequencies, float AttentionFactor)
{
    /// <summary>Computes the table from <c>config.json</c>'s keys.</summary>
    public static RopeFrequencies Create(int headDim, double theta, JsonObject? scaling, int maxPositions, string where)
    {
        double[] plain = new double[headDim / 2];
        for (int i = 0; i < plain.Length; i++)
        {
            plain[i] = 1 / Math.Pow(theta, 2.0 * i / headDim);
        }

        string kind = (string?)scaling?["rope_type"] ?? (string?)scaling?["type"] ?? "default";
        double Number(string key, double? fallback = null) => scaling![key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            ? value.GetValue<double>()
            : fallback ?? throw new DataException($"{where}: rope_scaling of type {kind} needs the number {key}");
        return kind switch
        {
            "default" => new(Narrow(plain), 1),
            "linear" => new(Narrow(Array.ConvertAll(plain, f => f / Number("factor"))), 1),
            "llama3" => new(
                Narrow(Llama3(plain, Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"), Number("original_max_position_embeddings"))), 1),
            "yarn" => Yarn(plain, headDim, theta, Number("factor"), Number("original_max_position_embeddings", maxPositions),
                Number("beta_fast", 32), Number("beta_slow", 1), Number("attention_factor", double.NaN)),
            _ => throw new DataException(
                $"{where}: rope_scaling type '{kind}' is not known; expected default, linear, llama3 or yarn"),
        };
    }

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);

    private static double[] Llama3(double[] plain, double factor, double low, double high, double original)
    {
        return Array.ConvertAll(plain, f =>
        {
            double wavelength = 2 * Math.PI / f;
            if (wavelength < original / high)
            {
                return f;
            }

            if (wavelength > original / low)
            {
                return f / factor;
            }

            double smooth = (original / wavelength - low) / (high - low);
            return (1 - smooth) * f / factor + smooth * f;
        });
    }

    private static RopeFrequencies Yarn(double[] plain, int headDim, double theta, double factor, double original, double betaFast,
        double betaSlow, double attentionFactor)
    {
        double Correction(double rotations) => headDim * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
        double from = Math.Max(Math.Floor(Correction(betaFast)), 0);
        double to = Math.Min(Math.Ceiling(Correction(betaSlow)), headDim - 1);
        double[] scaled = new double[plain.Length];
        for (int i = 0; i < plain.Length; i++)
        {
            double ramp = Math.Clamp((i - from) / (to == from ? 0.001 : to - from), 0, 1);
            scaled[i] = plain[i] / factor * ramp + plain[i] * (1 - ramp);
        }

        double attention = double.IsNaN(attentionFactor) ? (factor <= 1 ? 1 : 0.1 * Math.Log(factor) + 1) : attentionFactor;
        return new(Narrow(scaled), (float)attention);
    }
}
