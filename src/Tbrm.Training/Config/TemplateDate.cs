using System;
using System.Globalization;
using Tbrm.Core.Config;

namespace Tbrm.Training.Config;

/// <summary>
/// The day that chat templates write (Llama 3's name it in their system prompt). It belongs to a run: prompts that
/// changed at midnight,
/// or when a run is resumed on another day, would end what is promised of its bits.
/// </summary>
internal static class TemplateDate
{
    private const string Format = "yyyy-MM-dd";

    /// <summary>Whether a value of <c>data.template_date</c> is a day, or empty.</summary>
    public static bool IsValid(string value) => value.Length == 0
        || DateTime.TryParseExact(value, Format, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary>The configured day at midnight UTC; without one, now.</summary>
    public static DateTimeOffset Of(DataConfig config) => config.TemplateDate.Length > 0
        ? new(DateTime.ParseExact(config.TemplateDate, Format, CultureInfo.InvariantCulture), TimeSpan.Zero)
        : DateTimeOffset.Now;

    /// <summary>A run's configuration with its day: the configured one, else a checkpoint's, else today.</summary>
    public static RunConfig Pin(RunConfig config, string? saved)
    {
        if (config.Data.TemplateDate.Length > 0)
        {
            return config;
        }

        string date = saved is { Length: > 0 } ? saved
            : DateTimeOffset.Now.ToString(Format, CultureInfo.InvariantCulture);
        return config with { Data = config.Data with { TemplateDate = date } };
    }
}
