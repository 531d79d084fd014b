//! `POST /api/v1/auth/register`: opens an account and signs in.

use std::fmt;

use axum::{extract::State, response::Response};
use contract::Session;
use domain::{
    EmailAddress, PersonName, UserId,
    user::{RegisterUser, Role, User, UserCommand},
};
use event_store::{
    AppendError, CommandContext, EventStore, ExecuteError, Executed, Metadata, Receipt, StreamPosition,
};
use platform::{
    Problem,
    http::{Body, IdempotencyKey, RequestId},
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CommandApi, Passwords,
    accounts::{self, NewAccount},
    answers,
    callers::metadata,
    fields::Fields,
    idempotency::{NotDone, Scope},
    passwords, refusals,
    sessions::NewSession,
};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterRequest {
    /// What they are called.
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    /// Where mail reaches them; one account an address.
    #[schema(format = "email", max_length = 254, example = "ada@example.org")]
    email: String,
    /// A secret of theirs.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "correct horse")]
    password: SecretString,
    /// What they want to do: offer events, or book tickets.
    role: RegisterRole,
}

/// The roles that one can register with.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RegisterRole {
    Attendee,
    Host,
}

/// Somebody who can be registered.
pub struct NewUser {
    name: PersonName,
    email: EmailAddress,
    password: SecretString,
    role: Role,
}

/// Why nobody was registered.
#[derive(Debug)]
pub struct RegistrationError(Problem);

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.0.to_json();
        f.write_str(said["detail"].as_str().unwrap_or(self.0.code()))?;
        self.0.errors().iter().try_for_each(|error| write!(f, " {} {}.", error.field, error.message))
    }
}

impl std::error::Error for RegistrationError {}

impl NewUser {
    fn parse(name: &str, email: &str, password: SecretString, role: Role) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("name", PersonName::parse(name));
        let email = fields.take("email", EmailAddress::parse(email));
        let password = fields.take("password", passwords::parse(password));
        match (name, email, password) {
            (Some(name), Some(email), Some(password)) => Ok(Self { name, email, password, role }),
            _ => Err(fields.refuse()),
        }
    }

    /// An admin; made on the command line only.
    ///
    /// # Errors
    /// The name, the address or the password is not acceptable.
    pub fn admin(name: &str, email: &str, password: SecretString) -> Result<Self, RegistrationError> {
        Self::parse(name, email, password, Role::Admin).map_err(RegistrationError)
    }
}

/// Registers
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "Accounts",
    request_body = RegisterRequest,
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Makes a repetition safe, for 24 hours",
    )),
    responses(
        (status = 201, description = "The account is open and its owner signed in", body = Session),
        (status = "4XX", description = "`email-taken`, `invalid-fields`, …", body = contract::Problem,
         content_type = "application/problem+json"),
        (status = "5XX", description = "Try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn register_user(
    State(api): State<CommandApi>,
    request_id: RequestId,
    key: Option<IdempotencyKey>,
    Body { value: request, bytes }: Body<RegisterRequest>,
) -> Result<Response, Problem> {
    let role = match request.role {
        RegisterRole::Attendee => Role::Attendee,
        RegisterRole::Host => Role::Host,
    };
    let password = request.password.clone();
    let user = NewUser::parse(&request.name, &request.email, request.password, role)?;
    let scope = Scope { caller: "anonymous", route: "POST /auth/register" };
    let first = |receipt| async {
        let user_id = UserId::new(Uuid::now_v7());
        let context = CommandContext { metadata: metadata(user_id, &request_id), receipt };
        let session = NewSession::of(&api, user_id);
        let account = Opening { user_id, user, session: Some(session) };
        let (opened, session) = account.execute(&api.store, &api.passwords, &context).await?;
        Ok(signed_in(&api, &opened.aggregate, opened.position, session)?)
    };
    api.once(scope, key.as_ref(), &bytes, first, |receipt| registered_before(&api, receipt, password)).await
}

/// An account about to be opened.
struct Opening {
    user_id: UserId,
    user: NewUser,
    session: Option<NewSession>,
}

impl Opening {
    async fn execute(
        self,
        store: &EventStore,
        passwords: &Passwords,
        context: &CommandContext,
    ) -> Result<(Executed<User>, Option<NewSession>), NotDone> {
        let Self { user_id, user: NewUser { name, email, password, role }, session } = self;
        let account = NewAccount {
            user_id,
            email_hash: accounts::email_hash(store.master_key(), &email),
            password_hash: passwords.hash(password).await?,
            session,
        };
        let at = store.now().await.map_err(|error| refusals::database(&error))?;
        let command = UserCommand::Register(RegisterUser { user_id, name, email, role, at });
        match store.execute::<User>(&user_id.to_string(), command, context, &account).await {
            Ok(opened) => Ok((opened, account.session)),
            Err(ExecuteError::Append(AppendError::Claimed(_))) => Err(refusals::email_taken().into()),
            Err(error) => Err(refusals::execute(error, refusals::user)),
        }
    }
}

/// The first answer again, with tokens of a new session: for whoever could sign in, too.
async fn registered_before(
    api: &CommandApi,
    receipt: Receipt,
    password: SecretString,
) -> Result<Response, Problem> {
    let position = receipt.outcome.into_iter().next().ok_or_else(Problem::internal)?;
    let loaded = api.store.load_at::<User>(&position.stream.id, position.sequence).await;
    let (user, _) = loaded.map_err(|error| refusals::read(&error))?;
    let Some(profile) = user.profile() else { return Err(Problem::not_found()) };
    let account = accounts::of_user(api.store.pool(), profile.id).await;
    let account = account.map_err(|error| refusals::database(&error))?;
    let (_, password_hash) = account.ok_or_else(Problem::not_found)?;
    if !api.passwords.verify(api.passwords.place()?, password, Some(password_hash)).await {
        return Err(refusals::invalid_credentials("The account has another password by now: sign in."));
    }
    let session = NewSession::of(api, profile.id);
    session.write(api).await.map_err(|error| refusals::database(&error))?;
    signed_in(api, &user, position, Some(session))
}

fn signed_in(
    api: &CommandApi,
    user: &User,
    position: StreamPosition,
    session: Option<NewSession>,
) -> Result<Response, Problem> {
    let (Some(profile), Some(session)) = (user.profile(), session) else { return Err(Problem::internal()) };
    let path = format!("/api/v1/users/{}", profile.id);
    let answer = session.answer(api, profile)?;
    Ok(answers::created(&path, answer.user.version, &answer, &[position]))
}

/// Opens an account without signing in, for the command line.
///
/// # Errors
/// The address is taken, or the database does not answer.
pub async fn register(
    store: &EventStore,
    passwords: &Passwords,
    user: NewUser,
) -> Result<Uuid, RegistrationError> {
    let user_id = UserId::new(Uuid::now_v7());
    let metadata = Metadata { actor: Some("command line".to_owned()), ..Metadata::default() };
    let context = CommandContext { metadata, receipt: None };
    let opening = Opening { user_id, user, session: None };
    match opening.execute(store, passwords, &context).await {
        Ok(_) => Ok(user_id.uuid()),
        Err(error) => Err(RegistrationError(error.without_receipt())),
    }
}
