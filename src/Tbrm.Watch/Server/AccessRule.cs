using System;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;

namespace Tbrm.Watch.Server;

/// <summary>
/// Who may ask: requests to this machine by its loopback names (another Host means a name that somebody else pointed
/// here), from no other page (Origin), with the token as the first part of the path. Answers carry no permission to
/// load, frame or run anything that is not the page's own.
/// </summary>
internal sealed class AccessRule(string token, int port)
{
    private readonly byte[] _token = Encoding.ASCII.GetBytes(token);
    private readonly string[] _hosts = [$"127.0.0.1:{port}", $"localhost:{port}", $"[::1]:{port}"];

    /// <summary>128 random bits as text.</summary>
    public static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>The middleware: refuses, or cuts the token off the path and goes on.</summary>
    public async Task Invoke(HttpContext context, RequestDelegate next)
    {
        HttpRequest request = context.Request;
        AddHeaders(context.Response.Headers);
        if (Array.IndexOf(_hosts, request.Host.Value) < 0 || !IsOwn(request.Headers.Origin.ToString()))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        if (request.Method is not ("GET" or "HEAD"))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }

        string path = request.Path.Value ?? "";
        int end = path.IndexOf('/', Math.Min(1, path.Length));
        string given = end < 0 ? path.TrimStart('/') : path[1..end];
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), _token))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (end < 0)
        {
            // The page's own addresses are relative to its folder.
            context.Response.Redirect($"/{token}/");
            return;
        }

        request.Path = path[end..];
        await next(context);
    }

    private bool IsOwn(string origin) =>
        origin.Length == 0 || Array.Exists(_hosts, h => origin == "http://" + h);

    private static void AddHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }
}
