"""The panel in Russian, from the login on, and the switch between the languages."""

from collections.abc import Callable

from playwright.sync_api import expect

from chalicelib.domain.access import Principal
from tests.browser.conftest import USER_PASSWORD, Visit


def test_from_login_to_a_mailing_in_russian(visit: Visit, add_user: Callable[[str], Principal]) -> None:
    add_user("galina")
    visitor = visit(locale="ru-RU")
    visitor.refusals |= {401, 422}
    page = visitor.page
    visitor.open("/admin/")
    visitor.give("galina", "wrong")
    expect(page.get_by_text("Нет пользователя с таким именем и паролем.")).to_be_visible()
    visitor.give("galina", USER_PASSWORD)
    expect(page.get_by_role("heading", name="Обзор")).to_be_visible()

    visitor.press("Клиенты")
    visitor.press("Добавить клиента")
    visitor.fill(телефон="12", часовой_пояс="Europe/Moscow")
    visitor.press("Сохранить")
    expect(page.locator("#phone-error")).to_contain_text("в номере телефона их больше")
    visitor.fill(телефон="+79160000001", теги="весна")
    visitor.press("Сохранить")
    expect(visitor.alerts).to_contain_text("успешно")

    visitor.press("Рассылки")
    visitor.press("Добавить рассылку")
    visitor.fill(название="Весна", текст="Привет!", теги="весна", начало="2098-05-01T10:00", конец="2098-05-01T12:00")
    expect(page.get_by_text("Подходит 1 клиент в 1 часовом поясе")).to_be_visible()
    visitor.press("Сохранить")
    visitor.press("Просмотр", within=visitor.rows)
    expect(page.locator("#mailing-status")).to_have_text("Запланирована")
    expect(page.locator("#mailing-headline")).to_contain_text("Дальше: 1 клиент")
    visitor.press("Отменить рассылку")
    visitor.press("Отменить рассылку", within=visitor.question)
    expect(page.locator("#mailing-status")).to_have_text("Отменена")

    page.get_by_role("button", name="Русский").click()
    page.get_by_text("English", exact=True).last.click()
    expect(page.locator("#mailing-status")).to_have_text("Cancelled")
    visitor.press("Clients")
    expect(page.get_by_role("heading", name="Clients")).to_be_visible()
