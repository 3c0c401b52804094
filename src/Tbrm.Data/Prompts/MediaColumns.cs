using System;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Finds pictures, audio and video: what a model of text cannot see. A problem whose picture is missing is not that
/// problem. Known by name (<c>images</c>, <c>image_1</c>, <c>video_path</c>, <c>multi_modal_data</c>); by a name that
/// speaks of media (<c>gt_image</c>, <c>chartImage</c>) and a value that has the form of it; whatever the name, by the
/// form in which Hugging Face's datasets keep media ({bytes, path}); and in texts by the tokens that stand for
/// them.
/// </summary>
internal static partial class MediaColumns
{
    /// <summary>The reason why a row cannot be used; null when it has none of these, or they are empty.</summary>
    /// <param name="fields">A row, or a message.</param>
    public static string? Problem(JsonObject fields)
    {
        foreach ((string name, JsonNode? value) in fields)
        {
            if ((Named().IsMatch(name) && HoldsMedia(value)) || (SpeaksOf().IsMatch(name) && HasForm(value))
                || IsMediaFile(value)
                || (value is JsonArray list && list.Any(IsMediaFile)))
            {
                return $"'{name}' holds pictures, audio or video, which a model of text cannot see";
            }
        }

        return null;
    }

    /// <summary>The token of a picture, audio or video in a text; null when there is none.</summary>
    public static string? MediaTokenIn(string text) =>
        text.Contains('<', StringComparison.Ordinal) && MediaToken().Match(text) is { Success: true } found
            ? found.Groups["mark"].Value : null;

    /// <summary>A file's name, an address, a data URI or base64: no words.</summary>
    private static bool HasForm(JsonNode? value) => value switch
    {
        JsonArray list => list.Any(HasForm),
        JsonObject structure => structure.Any(field => HasForm(field.Value)),
        JsonValue scalar => scalar.TryGetValue(out string? text) && Form().IsMatch(text.Trim()),
        _ => false,
    };

    /// <summary>Numbers and booleans (how many there are, whether there are any) hold none.</summary>
    private static bool HoldsMedia(JsonNode? value) => value switch
    {
        null => false,
        JsonArray list => list.Any(HoldsMedia),
        JsonObject structure => structure.Any(field => HoldsMedia(field.Value)),
        _ => value.GetValueKind() == JsonValueKind.String && value.GetValue<string>().Trim().Length > 0,
    };

    /// <summary>The Image and Audio features of datasets, in Parquet.</summary>
    private static bool IsMediaFile(JsonNode? value) => value is JsonObject structure && structure.Count >= 2
        && structure.ContainsKey("bytes")
        && (structure.ContainsKey("path") || structure.ContainsKey("sampling_rate"))
            && structure.Any(field => field.Value is not null);

    [GeneratedRegex(
        @"^(decoded_|input_|question_|problem_)?" +
        @"(images?|imgs?|pictures?|videos?|audios?|speech|pixel_values|multi_?modal_(data|inputs)|mm_data)(_?\d+)?" +
        @"(_?(paths?|urls?|files?|file_?names?|file_?paths?|bytes|base64|b64|data|list))?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Named();

    [GeneratedRegex(
        @"(^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))" +
        @"(?i:images?|imgs?|pics?|pictures?|photos?|figures?|figs?|diagrams?|charts?|screenshots?|videos?|clips?|" +
        @"audios?|speech|sounds?|wavs?|media|frames?)([^a-z]|$)",
        RegexOptions.CultureInvariant)]
    private static partial Regex SpeaksOf();

    [GeneratedRegex(
        @"^(data:(image|audio|video)/.*|" +
        @"\S{1,2000}\.(png|jpe?g|gif|webp|bmp|tiff?|svg|mp4|avi|mov|mkv|webm|mp3|wav|flac|ogg|m4a)(\?\S*)?|" +
        @"[A-Za-z0-9+/_-]{256,}={0,2})\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    // Of words that HTML has too only those that stand alone: at the beginning or the end of a line or of the text.
    [GeneratedRegex(
        @"(?<mark><\|(image_pad|vision_start|video_pad|audio_bos|AUDIO|image|image_\d+)\|>|<start_of_image>|"
            + @"<image[ _]?\d{1,2}>)|^[ \t]*(?<mark><image>)|(?<mark><image>)[ \t\r]*$|"
            + @"\A\s*(?<mark><(video|audio)>)|(?<mark><(video|audio)>)\s*\z",
        RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex MediaToken();
}
